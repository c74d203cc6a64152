"""Exit codes, and errors as one sentence.

Codes above 63 are those of `sysexits.h`, so that a script can tell a refusal from a failure.
"""

from __future__ import annotations

from enum import IntEnum

from spendgate.errors import (
    APIStatusError,
    AuthenticationError,
    BudgetRefused,
    ConfigurationError,
    PermissionDeniedError,
    RateLimitError,
    SpendgateError,
    Unavailable,
)


class Exit(IntEnum):
    """What the command exits with."""

    OK = 0
    FAILED = 1  # the service refused the request, or the object is not there
    CHANGES = 2  # `plan --detailed-exitcode` found changes
    USAGE = 64  # the command line is wrong
    DATA = 65  # a file is wrong
    UNAVAILABLE = 69  # the service cannot be reached or failed
    REFUSED = 75  # a budget refused: the same may succeed later
    PERMISSION = 77  # the key is wrong, or its role does not allow it
    CONFIG = 78  # no URL or key is known, or something is not installed


class CommandError(SpendgateError):
    """An error of this command line: a sentence, and what to exit with."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


def code_of(error: SpendgateError) -> Exit:
    """The exit code that an error stands for."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, BudgetRefused | RateLimitError):
        return Exit.REFUSED
    if isinstance(error, Unavailable):
        return Exit.UNAVAILABLE
    if isinstance(error, AuthenticationError | PermissionDeniedError):
        return Exit.PERMISSION
    return Exit.CONFIG if isinstance(error, ConfigurationError) else Exit.FAILED


def sentence_of(error: SpendgateError) -> str:
    """What went wrong and where, in one line."""
    text = str(error).rstrip(".")
    if not isinstance(error, APIStatusError):
        return f"{text}."
    if error.param and not text.startswith(f"{error.param}:"):
        text = f"{error.param}: {text}"
    known = [error.code, f"request {error.request_id}" if error.request_id else None]
    where = ", ".join(filter(None, known))
    return f"{text} ({where})." if where else f"{text}."
