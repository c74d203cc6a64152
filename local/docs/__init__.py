"""Writes docs/api.md: `make docs`."""
