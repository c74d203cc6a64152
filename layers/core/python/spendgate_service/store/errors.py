"""What can go wrong between the service and DynamoDB.

StoreError
├── ConditionFailed    a condition did not hold; carries the item as it was
├── PolicyChanged      the table has a newer policy than the one a request was decided by
├── TransactionFailed  a transaction was cancelled; says which of its writes objected, and why
├── RequestRejected    DynamoDB rejects the request itself; the same one is rejected again
└── Unavailable        the outcome is open or nothing was done; the caller tries again
    ├── NeverTaken     a queue refuses this message for good
    ├── WrongSchema    the table has the items of another version of the service
    ├── Throttled      DynamoDB refused the call: it was certainly not applied
    └── OutcomeUnknown the call may or may not have been applied
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spendgate_service.store.values import Item


class StoreError(Exception):
    """The root of the store's errors."""


class ConditionFailed(StoreError):
    """A conditional write was refused; `item` is what stood there, None if there was no item."""

    def __init__(self, item: Item | None) -> None:
        super().__init__("the condition of a write did not hold")
        self.item = item


class PolicyChanged(StoreError):
    """The table has a newer policy than the one a request was decided by: decide it again."""


class RequestRejected(StoreError):
    """DynamoDB rejects a request for what it is, or for who sends it; nothing was changed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"DynamoDB rejected a request ({code}): {message}")
        self.code = code


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
        """Whether the write conflicted with another one: the same transaction may succeed next."""
        return self.code in _BUSY_CODES


class TransactionFailed(StoreError):
    """A transaction was cancelled and changed nothing; an entry per write, None if it was fine."""

    def __init__(self, objections: Sequence[Objection | None]) -> None:
        codes = ", ".join(objection.code for objection in objections if objection)
        super().__init__(f"a transaction was cancelled: {codes}")
        self.objections = tuple(objections)

    @property
    def may_succeed_next(self) -> bool:
        """Whether every objection is a condition or a conflict, which a fresh read can settle."""
        return all(
            objection is None or objection.is_condition or objection.is_busy
            for objection in self.objections
        )


class Unavailable(StoreError):
    """The table cannot answer now; the same request may succeed in `retry_after_seconds`."""

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NeverTaken(Unavailable):
    """A queue refuses a message for what it is: the same one will be refused again."""


class WrongSchema(Unavailable):
    """The table has the items of another version of the service."""

    def __init__(self, *, found: int | None, needed: int) -> None:
        super().__init__(
            f"the table has the schema {found}, and this version of Spendgate needs the schema "
            f"{needed}: deploy the version that wrote the table, or start with a new table",
            retry_after_seconds=60,
        )


class Throttled(Unavailable):
    """DynamoDB refused a call that it therefore did not apply."""


class OutcomeUnknown(Unavailable):
    """A call got no response: it may have been applied, or may yet be."""
