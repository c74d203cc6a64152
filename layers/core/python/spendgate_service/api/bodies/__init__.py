"""Pydantic models of everything that callers send; each converts itself to the domain's values."""
