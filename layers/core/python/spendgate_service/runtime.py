"""What a function has from its surroundings: the clock, the table, and what works on it.

Each is made once in an execution environment, so that a warm call opens no connection and keeps
the rules it has read. What not every function works with is imported by whoever makes it: a cold
start pays for nothing else (`make bench BENCH=cold_start`). For the same reason clients come from
botocore, which is all of boto3 that they need.
"""

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

from spendgate_service import settings
from spendgate_service.observability import count
from spendgate_service.store.client import CLIENT_CONFIG, DynamoClient, Table
from spendgate_service.store.connections import drop_idle_connections

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from spendgate_service.dead_letters.queue import DeadLetters
    from spendgate_service.events.bus import EventBus
    from spendgate_service.events.threshold_events import ThresholdEvents
    from spendgate_service.reservations.check import Balances
    from spendgate_service.reservations.reserve import Reservations
    from spendgate_service.settlements.apply import Settlements
    from spendgate_service.store.policy_cache import PolicyCache

_SIDE_BY_SIDE_MAX = 16
"""How many budgets of one request are updated at the same time."""


def now_ms() -> int:
    """The time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@cache
def table() -> Table:
    """The table of this stack."""
    client = cast("DynamoClient", _client("dynamodb", CLIENT_CONFIG))
    return Table(client, settings.table_name(), observe=count)


@cache
def policy_cache() -> "PolicyCache":
    """The rules, as cached by this execution environment."""
    from spendgate_service.store.policy_cache import PolicyCache

    return PolicyCache(table())


@cache
def threshold_events() -> "ThresholdEvents":
    """The announcer of this stack, with what this execution environment has announced."""
    from spendgate_service.events.threshold_events import ThresholdEvents

    return ThresholdEvents(table(), policy_cache())


@cache
def reservations() -> "Reservations":
    """The reservations of this stack."""
    from concurrent.futures import ThreadPoolExecutor

    from spendgate_service.reservations.reserve import Reservations

    pool = ThreadPoolExecutor(_SIDE_BY_SIDE_MAX, thread_name_prefix="budget")
    return Reservations(
        table(), policy_cache(), pool=pool, now_ms=now_ms, threshold_events=threshold_events()
    )


@cache
def shards_pool() -> "ThreadPoolExecutor":
    """Closes the periods of several partitions of the index side by side."""
    from concurrent.futures import ThreadPoolExecutor

    from spendgate_service.store import keys

    return ThreadPoolExecutor(keys.DUE_SHARDS, thread_name_prefix="shard")


@cache
def balances() -> "Balances":
    """The balances of this stack, to be looked at."""
    from spendgate_service.reservations.check import Balances

    return Balances(table(), policy_cache(), now_ms=now_ms)


@cache
def settlements() -> "Settlements":
    """The settlements of this stack."""
    from spendgate_service.settlements.apply import Settlements

    return Settlements(
        table(),
        policy_cache(),
        now_ms=now_ms,
        threshold_events=threshold_events(),
    )


@cache
def dead_letters() -> "DeadLetters":
    """The dead-letter queue of this stack; its client is made when the first message needs it."""
    from spendgate_service.dead_letters.queue import CLIENT_CONFIG, DeadLetters, SqsClient

    client = cast("SqsClient", _client("sqs", CLIENT_CONFIG))
    return DeadLetters(client, settings.dead_letter_queue_url())


@cache
def event_bus() -> "EventBus":
    """The event bus of this stack. Its client repeats calls: an event may be there twice."""
    from spendgate_service.events.bus import CLIENT_CONFIG, EventBus, EventsClient

    client = cast("EventsClient", _client("events", CLIENT_CONFIG))
    return EventBus(client, settings.event_bus_name())


@cache
def undelivered_events() -> "DeadLetters":
    """The queue of what the bus did not take; its client is made when an event needs it."""
    from spendgate_service.dead_letters.queue import CLIENT_CONFIG, DeadLetters, SqsClient

    client = cast("SqsClient", _client("sqs", CLIENT_CONFIG))
    return DeadLetters(client, settings.undelivered_events_url())


class _LoaderOfOurs(Loader):
    """Knows which services we call: botocore's would look through the folders of all 400."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002
        return ["dynamodb", "events", "sqs"]


def _client(service: str, config: Config) -> Any:
    session = botocore.session.get_session()
    session.register_component("data_loader", _LoaderOfOurs())
    client = session.create_client(service, config=config)
    drop_idle_connections(client, now_ms)
    return client


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # While a function starts it has a whole processor, later only its memory's share of one.
    table()
