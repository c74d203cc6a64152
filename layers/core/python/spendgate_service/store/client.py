"""Calls to one table: what each error means, and which calls are repeated.

No client repeats a call by itself: it would repeat an `UpdateItem` whose first try may have been
applied. Here a refusal that certainly changed nothing (a throttle, a failed connect) is repeated a
few times with jitter; a read is repeated also when its response was lost; any other call without a
response is `OutcomeUnknown`. Every other error of DynamoDB becomes a `StoreError` here, so no other
module catches a client's exceptions.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from spendgate_service.metrics import MetricName, Observe, unobserved
from spendgate_service.store.clients import (
    DynamoClient,
    ErrorAnswer,
    NoAnswer,
    NotSent,
    explain,
)
from spendgate_service.store.errors import (
    ConditionFailed,
    Objection,
    OutcomeUnknown,
    RequestRejected,
    Throttled,
    TransactionFailed,
)
from spendgate_service.store.values import Item

TRIES_MAX = 5
_READ_TRIES_MAX = 2
_FIRST_WAIT_SECONDS = 0.025
_BATCH_GET_KEYS_MAX = 100

_CONFLICT_CODES = frozenset({"TransactionInProgressException", "TransactionConflictException"})
_REFUSED_CODES = _CONFLICT_CODES | {
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}


class Table:
    """Calls on one table. Any may raise `Throttled`, `OutcomeUnknown` and `RequestRejected`.

    `observe` counts metrics; only tests replace `sleep`.
    """

    def __init__(
        self,
        client: DynamoClient,
        name: str,
        *,
        observe: Observe = unobserved,
        sleep: Callable[[float], None] = time.sleep,
        tries_max: int = TRIES_MAX,
    ) -> None:
        self.client = client
        self.name = name
        self.observe = observe
        self._sleep = sleep
        self._tries_max = tries_max

    def trying_once(self) -> "Table":
        """Return the same table, no call of which is repeated: for work not worth waiting for."""
        return Table(self.client, self.name, observe=self.observe, sleep=self._sleep, tries_max=1)

    def get(self, key: Item, *, consistent: bool = True) -> Item | None:
        """Read one item, or None. Half a read unit per 4 KB, one if consistent."""
        answer = self._read(
            self.client.get_item, TableName=self.name, Key=key, ConsistentRead=consistent
        )
        item: Item | None = answer.get("Item")
        return item

    def get_many(self, keys: Iterable[Item], *, consistent: bool = False) -> list[Item]:
        """Read the items that exist among the keys, in no order."""
        found: list[Item] = []
        left = list(keys)
        for _ in range(self._tries_max + len(left) // _BATCH_GET_KEYS_MAX):
            if not left:
                return found
            batch, left = left[:_BATCH_GET_KEYS_MAX], left[_BATCH_GET_KEYS_MAX:]
            request = {self.name: {"Keys": batch, "ConsistentRead": consistent}}
            answer = self._read(self.client.batch_get_item, RequestItems=request)
            found += answer["Responses"].get(self.name, [])
            left += answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        if left:
            raise Throttled("the table answers reads only in part; try again")
        return found

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Read one page of a query: DynamoDB's own response."""
        return self._read(self.client.query, TableName=self.name, **arguments)

    def query_pages(self, **arguments: Any) -> Iterator[list[Item]]:
        """Yield the pages of a query, with one call for each."""
        return _pages(self.query, arguments)

    def query_items(self, **arguments: Any) -> Iterator[Item]:
        """Yield the items of a query; each page is read when it is needed."""
        return chain.from_iterable(self.query_pages(**arguments))

    def scan(self, **arguments: Any) -> dict[str, Any]:
        """Read one page of a scan: DynamoDB's own response."""
        return self._read(self.client.scan, TableName=self.name, **arguments)

    def scan_pages(self, **arguments: Any) -> Iterator[list[Item]]:
        """Yield the pages of a scan, with one call for each."""
        return _pages(self.scan, arguments)

    def put(self, item: Item, **arguments: Any) -> None:
        """Put one item. Raises ConditionFailed with the item that stood there."""
        self._write(self.client.put_item, TableName=self.name, Item=item, **arguments)

    def update(self, key: Item, **arguments: Any) -> Item:
        """Update one item and return it as it is now. Raises ConditionFailed.

        One write unit per KB of the item, also when the condition fails.
        """
        answer = self._write(
            self.client.update_item,
            TableName=self.name,
            Key=key,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **arguments,
        )
        attributes: Item = answer["Attributes"]
        return attributes

    def delete(self, key: Item, **arguments: Any) -> None:
        """Delete one item. Raises ConditionFailed."""
        self._write(self.client.delete_item, TableName=self.name, Key=key, **arguments)

    def transact(self, writes: Sequence[dict[str, Any]]) -> None:
        """Apply all writes or none. Two write units per KB of each item.

        Raises TransactionFailed. A transaction that conflicts with another one on the same item is
        repeated a few times, and then raises Throttled: nothing was changed.
        """
        for _ in self._tries():
            try:
                self._write(self.client.transact_write_items, TransactItems=list(writes))
                return
            except TransactionFailed as failed:
                objections = [objection for objection in failed.objections if objection]
                if not objections or not all(objection.is_busy for objection in objections):
                    raise
                codes = {objection.code for objection in objections}
                lost = "TransactionConflict" in codes
                self.observe("conflicts" if lost else "throttled", 1)
        raise Throttled("others are changing the same budgets right now; try again")

    def _read(self, call: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
        """Call and repeat a read also without a response: it changes nothing."""
        for _ in range(min(_READ_TRIES_MAX, self._tries_max)):
            try:
                return self._write(call, **arguments)
            except OutcomeUnknown:
                continue
        raise Throttled("the table does not answer; try again")

    def _write(self, call: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
        for _ in self._tries():
            try:
                return call(**arguments)
            except Exception as error:
                match explain(error):
                    case ErrorAnswer() as answer:
                        self.observe(_refusal_or_raise(answer), 1)
                    case NotSent():
                        pass
                    case NoAnswer():
                        raise OutcomeUnknown("the table did not answer; try again") from error
                    case _:
                        raise
        raise Throttled("the table refuses calls right now; try again")

    def _tries(self) -> Iterator[None]:
        """Yield once per try, with full jitter between two of them."""
        for waits in range(self._tries_max):
            if waits:
                seconds_max = _FIRST_WAIT_SECONDS * 2 ** (waits - 1)
                self._sleep(random.uniform(0, seconds_max))  # noqa: S311 (not a secret)
            yield


def _pages(read: Callable[..., dict[str, Any]], arguments: dict[str, Any]) -> Iterator[list[Item]]:
    while True:
        page = read(**arguments)
        yield page["Items"]
        if "LastEvaluatedKey" not in page:
            return
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _refusal_or_raise(error: ErrorAnswer) -> MetricName:
    """Return the metric of a call that was refused unread; raise what any other error means."""
    if error.code == "ConditionalCheckFailedException":
        raise ConditionFailed(error.answer.get("Item")) from error
    if error.code == "TransactionCanceledException":
        raise TransactionFailed(_objections(error.answer)) from error
    if error.code in _REFUSED_CODES:
        return "conflicts" if error.code in _CONFLICT_CODES else "throttled"
    if error.status >= 500 or error.code == "InternalServerError":
        raise OutcomeUnknown("the table failed to answer; try again") from error
    raise RequestRejected(error.code, error.message) from error


def _objections(answer: Mapping[str, Any]) -> list[Objection | None]:
    return [
        Objection(reason["Code"], reason.get("Item"))
        if reason.get("Code", "None") != "None"
        else None
        for reason in answer.get("CancellationReasons", [])
    ]
