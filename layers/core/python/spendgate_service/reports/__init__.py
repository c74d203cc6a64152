"""Reports: statements and the export of the ledger."""
