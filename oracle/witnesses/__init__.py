"""Who else can say what a gradient is. The witnesses share no code with one another nor with handgrad."""
