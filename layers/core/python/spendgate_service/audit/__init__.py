"""The audit: compare every counter with its ledger."""
