"""Views of a graph: its trace as text, its diagram, and the arrays saved for the backward pass."""
