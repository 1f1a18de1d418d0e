"""Wrong and right ways to write a gradient: the oracle must catch each wrong one by name, and leave the right alone."""
