"""Measurements: each part is one module with a `run`, started by `make bench`."""
