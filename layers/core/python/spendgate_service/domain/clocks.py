"""Clocks: the assumed maximum difference between two execution environments.

A hold, or a slice of a rolling window, is shown as ended when it ends. Its amount is granted again
only when it has ended on every clock. A credit with an end is shown until it ends, and granted from
only while it has ended on no clock.
"""

CLOCKS_DIFFER_SECONDS_MAX = 1
CLOCKS_DIFFER_MS_MAX = CLOCKS_DIFFER_SECONDS_MAX * 1000
