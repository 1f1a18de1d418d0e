"""Files: replaced atomically, and ``.npz`` archives read with bounds on time and memory."""
