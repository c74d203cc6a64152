"""What can go wrong between us and DynamoDB.

StoreError
├── ConditionFailed    a conditional write found the item otherwise; carries the item as it was
├── PolicyChanged      the table knows newer rules than those a request was judged by
├── TransactionFailed  a transaction was cancelled; says which of its writes objected, and why
└── Unavailable        nothing can be said now; the caller tries again
    ├── NeverTaken     a queue refuses this message, and will; another it may take
    ├── Throttled      DynamoDB refused the call: it was certainly not applied
    └── OutcomeUnknown the call may or may not have been applied
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

type Item = dict[str, dict[str, Any]]


class StoreError(Exception):
    """The root of the store's errors."""


class ConditionFailed(StoreError):
    """A conditional write was refused; `item` is what stood there, None if nothing did."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition of a write did not hold")
        self.item = item


class PolicyChanged(StoreError):
    """The table knows newer rules than those by which a request was judged: judge it again."""


_BUSY_CODES = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


@dataclass(frozen=True, slots=True)
class Objection:
    """Why one write of a transaction objected: DynamoDB's code, and the item as it was."""

    code: str
    item: Item | None

    @property
    def is_condition(self) -> bool:
        """Whether the write's own condition failed."""
        return self.code == "ConditionalCheckFailed"

    @property
    def is_busy(self) -> bool:
        """Whether the write merely met another one: the same transaction may succeed next."""
        return self.code in _BUSY_CODES


class TransactionFailed(StoreError):
    """A transaction was cancelled and changed nothing; one entry per write, None if it was fine."""

    def __init__(self, objections: Sequence[Objection | None]) -> None:
        codes = ", ".join(one.code for one in objections if one)
        super().__init__(f"a transaction was cancelled: {codes}")
        self.objections = tuple(objections)


class Unavailable(StoreError):
    """The table cannot answer now; the same request may succeed in `retry_after_seconds`."""

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NeverTaken(Unavailable):
    """A queue refuses a message for what it is: the same one will be refused again."""


class Throttled(Unavailable):
    """DynamoDB refused a call that it therefore did not apply."""


class OutcomeUnknown(Unavailable):
    """A call got no answer: it may have been applied, or may yet be."""
