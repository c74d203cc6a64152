"""Checks of a deployed stack: what can be known of AWS only on AWS.

`python -m tests.aws URL --stack spendgate` runs them after the first deployment; the operator's key
is in the environment variable SPENDGATE_OPERATOR_KEY. `python -m tests.aws --local` runs them on
the local stack and says which of them the emulator cannot answer. docs/first-deployment.md is the
guide. Every check works in a tenant of its own and changes no other.
"""
