"""Guards for frameworks, gateways and protocols: one module for each, behind an extra."""

from __future__ import annotations

from spendgate._outcomes import causes_of
from spendgate._refusals import ERROR_EXTENSION
from spendgate.errors import SpendgateError


def find_error(error: BaseException) -> SpendgateError | None:
    """Find our error in the one that a framework raised; None if there is none."""
    for cause in causes_of(error):
        if isinstance(cause, SpendgateError):
            return cause
        response = getattr(cause, "response", None)
        ours = getattr(response, "extensions", {}).get(ERROR_EXTENSION)
        if isinstance(ours, SpendgateError):
            return ours
    return None
