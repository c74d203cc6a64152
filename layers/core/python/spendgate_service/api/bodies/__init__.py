"""Everything that callers send; each body converts itself to the domain's values."""
