"""A DynamoDB client that counts its calls and what the engine says they cost."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import ClientError

from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient, ErrorAnswer, explain


@dataclass
class CountingClient:
    """Passes every call on; `units` is the capacity consumed by each operation.

    `transacted` has the sort key of every write in a transaction, `transacted_at_once` the number
    of writes of each: DynamoDB Local does not say what transactions consume, so `write_units` takes
    it from the sizes of their items.
    """

    engine: Any
    calls: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    put_bytes: list[int] = field(default_factory=list)
    transacted: list[str] = field(default_factory=list)
    transacted_at_once: list[int] = field(default_factory=list)
    write_units: int = 0
    read_units: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            with self._lock:
                self.calls[operation] += 1
                if "Item" in arguments:
                    self.put_bytes.append(item_bytes(arguments["Item"]))
                if "TransactItems" in arguments:
                    self.transacted_at_once.append(len(arguments["TransactItems"]))
                for write in arguments.get("TransactItems", ()):
                    self.transacted.append(_sort_key(write))
            try:
                answer = getattr(self.engine, operation)(
                    **arguments, ReturnConsumedCapacity="TOTAL"
                )
            except (ClientError, ErrorAnswer) as refused:
                with self._lock:
                    self.write_units += _units_of_refusal(refused, arguments)
                raise
            consumed = answer.get("ConsumedCapacity", [])
            with self._lock:
                for capacity in consumed if isinstance(consumed, list) else [consumed]:
                    self._consume(operation, capacity["CapacityUnits"])
                if operation == "transact_write_items":
                    self.write_units += self._units_of_transaction(arguments["TransactItems"])
            return answer

        return call

    def forget(self) -> None:
        """Count from nothing."""
        self.calls.clear()
        self.units.clear()
        self.put_bytes.clear()
        self.transacted.clear()
        self.transacted_at_once.clear()
        self.write_units, self.read_units = 0, 0

    def cost(self) -> tuple[int, float, float]:
        """Return the calls, the read units and the write units since it last forgot."""
        return sum(self.calls.values()), self.read_units, self.write_units

    def _consume(self, operation: str, units: float) -> None:
        self.units[operation] += units  # type: ignore[assignment]
        if operation in _READS:
            self.read_units += units
        elif operation != "transact_write_items":
            self.write_units += int(units)

    def _units_of_transaction(self, writes: list[dict[str, Any]]) -> int:
        """Two for each KB of each item, as it is after the transaction."""
        return sum(2 * _kilobytes(self._item_after(write)) for write in writes)

    def _item_after(self, write: dict[str, Any]) -> dict[str, Any]:
        """Return the item that a write leaves; one that was put needs no read."""
        ((_, arguments),) = write.items()
        if "Item" in arguments:
            return dict(arguments["Item"])
        table, key = arguments["TableName"], _key(write)
        answer = self.engine.get_item(TableName=table, Key=key, ConsistentRead=True)
        return dict(answer.get("Item", {}))


_READS = {"get_item", "batch_get_item", "query"}


def _units_of_refusal(refused: ClientError | ErrorAnswer, arguments: dict[str, Any]) -> int:
    """A conditional write that is refused costs what the item as it stands would cost."""
    answer = explain(refused)
    assert isinstance(answer, ErrorAnswer)
    if "TransactItems" in arguments:
        return 2 * len(arguments["TransactItems"])
    return _kilobytes(answer.answer.get("Item", {}))


def _kilobytes(item: dict[str, Any]) -> int:
    return max(1, -(-item_bytes(item) // 1024))


def counting(table: Table) -> tuple[Table, CountingClient]:
    """The same table through a client that counts."""
    client = CountingClient(table.client)
    return Table(cast("DynamoClient", client), table.name), client


def _sort_key(write: dict[str, Any]) -> str:
    return str(_key(write)["sk"]["S"])


def _key(write: dict[str, Any]) -> dict[str, Any]:
    ((operation, arguments),) = write.items()
    item = arguments["Item" if operation == "Put" else "Key"]
    return {name: item[name] for name in ("pk", "sk")}


def item_bytes(item: dict[str, Any]) -> int:
    """The size of an item as DynamoDB counts it: names, texts in UTF-8, numbers by their digits."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(typed: dict[str, Any]) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            digits = value.strip("-").replace(".", "").strip("0")
            return len(digits) // 2 + 2
        case "B":
            return len(value)
        case "L":
            return 3 + sum(1 + _value_bytes(member) for member in value)
        case "M":
            return 3 + len(value) + item_bytes(value)
        case _:
            return 1
