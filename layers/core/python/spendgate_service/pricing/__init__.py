"""What usage of a model comes to, in tokens and in money."""
