"""Files: written atomically, and read without trusting what they claim."""
