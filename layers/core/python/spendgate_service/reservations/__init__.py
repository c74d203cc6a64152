"""Reservations: reserve, check, extend, find."""
