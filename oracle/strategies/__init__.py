"""Problems, and the Hypothesis strategies that draw them."""
