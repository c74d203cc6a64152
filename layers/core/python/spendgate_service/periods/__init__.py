"""Periods: close those that have ended."""
