"""Items to domain values and back, one module for each kind of item."""
