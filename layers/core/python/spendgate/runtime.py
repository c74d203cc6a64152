"""What a function has from its surroundings: the clock, the table, and what works on it.

Each is made once in an execution environment, so that a warm call opens no connection and keeps
the rules it has read.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import cast

import boto3

from spendgate import settings
from spendgate.api.answers import record_answer
from spendgate.api.event_details import level_detail
from spendgate.api.wire import json_text
from spendgate.observability import count
from spendgate.store import keys
from spendgate.store.announcer import Announcer
from spendgate.store.dead_letters import DeadLetters, SqsClient
from spendgate.store.looks import Balances
from spendgate.store.reservations import Reservations
from spendgate.store.rules import RuleBook
from spendgate.store.settlements import Settlements
from spendgate.store.table import CLIENT_CONFIG, DynamoClient, Table

_SIDE_BY_SIDE_MAX = 16
"""How many budgets of one request are updated at the same time."""


def now_ms() -> int:
    """The time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@cache
def table() -> Table:
    """The table of this stack."""
    client = cast("DynamoClient", boto3.client("dynamodb", config=CLIENT_CONFIG))
    return Table(client, settings.table_name(), observe=count)


@cache
def rule_book() -> RuleBook:
    """The rules, as cached by this execution environment."""
    return RuleBook(table())


@cache
def announcer() -> Announcer:
    """The announcer of this stack, with what this execution environment has announced."""
    return Announcer(
        table(),
        rule_book(),
        detail_of=lambda balance, level: json_text(level_detail(balance, level)),
    )


@cache
def reservations() -> Reservations:
    """The reservations of this stack."""
    pool = ThreadPoolExecutor(_SIDE_BY_SIDE_MAX, thread_name_prefix="budget")
    return Reservations(table(), rule_book(), pool=pool, now_ms=now_ms, announcer=announcer())


@cache
def shards_pool() -> ThreadPoolExecutor:
    """Closes the periods of several partitions of the index side by side."""
    return ThreadPoolExecutor(keys.DUE_SHARDS, thread_name_prefix="shard")


@cache
def balances() -> Balances:
    """The balances of this stack, to be looked at."""
    return Balances(table(), rule_book(), now_ms=now_ms)


@cache
def settlements() -> Settlements:
    """The settlements of this stack."""
    return Settlements(
        table(),
        rule_book(),
        now_ms=now_ms,
        answer_of=lambda recorded: json_text(record_answer(recorded)),
        announcer=announcer(),
    )


@cache
def dead_letters() -> DeadLetters:
    """The dead-letter queue of this stack; its client is made when the first message needs it."""
    return DeadLetters(cast("SqsClient", boto3.client("sqs")), settings.dead_letter_queue_url())
