"""Spendgate: a budget authority that grants before money is spent and settles afterwards."""

import gc
import os

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
"""More than a start makes; a request leaves about ten that only a collection removes."""

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # What a function imports stays. Looking through it for garbage again and again while it grows
    # is a tenth of a cold start, so this stands in the module that is imported before all others.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
