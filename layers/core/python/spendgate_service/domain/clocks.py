"""Clocks: by how much two execution environments may disagree about the time.

A hold, or a slice of a rolling window, is shown as ended when it ends. It is given to others only
when it has ended on every clock.
"""

CLOCKS_DIFFER_SECONDS_MAX = 1
CLOCKS_DIFFER_MS_MAX = CLOCKS_DIFFER_SECONDS_MAX * 1000
