"""Reports: the verdict as text, JSON and HTML, and problems as code."""
