"""Wrong and correct ways to write a gradient: the oracle must name what is wrong and accept what is correct."""
