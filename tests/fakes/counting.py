"""A DynamoDB client that counts its calls and what the engine says they cost."""

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from spendgate.store.table import DynamoClient, Table


@dataclass
class CountingClient:
    """Passes every call on; `units` is the capacity consumed by each operation.

    `transacted` has the sort key of every write in a transaction: DynamoDB Local does not say what
    transactions consume.
    """

    engine: Any
    calls: Counter[str] = field(default_factory=Counter)
    units: Counter[str] = field(default_factory=Counter)
    put_bytes: list[int] = field(default_factory=list)
    transacted: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            with self._lock:
                self.calls[operation] += 1
                if "Item" in arguments:
                    self.put_bytes.append(item_bytes(arguments["Item"]))
                for write in arguments.get("TransactItems", ()):
                    self.transacted.append(_sort_key(write))
            answer = getattr(self.engine, operation)(**arguments, ReturnConsumedCapacity="TOTAL")
            consumed = answer.get("ConsumedCapacity", [])
            with self._lock:
                for one in consumed if isinstance(consumed, list) else [consumed]:
                    self.units[operation] += one["CapacityUnits"]
            return answer

        return call


def counting(table: Table) -> tuple[Table, CountingClient]:
    """The same table through a client that counts."""
    client = CountingClient(table.client)
    return Table(cast("DynamoClient", client), table.name), client


def _sort_key(write: dict[str, Any]) -> str:
    ((operation, arguments),) = write.items()
    key: dict[str, Any] = arguments["Item" if operation == "Put" else "Key"]
    return str(key["sk"]["S"])


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
            return 3 + sum(1 + _value_bytes(one) for one in value)
        case "M":
            return 3 + len(value) + item_bytes(value)
        case _:
            return 1
