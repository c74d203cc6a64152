"""Spendgate: a budget authority that grants before money is spent and settles afterwards."""
