"""Budgets: create, change, read, credit, token caps."""
