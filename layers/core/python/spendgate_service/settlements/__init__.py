"""Settlements: settle, release and record, in batches."""
