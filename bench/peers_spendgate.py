"""A client of Spendgate for `bench.peers`: reserves through the handler, settles in batches.

Started as `python -m bench.peers_spendgate URL TABLE KIND NUMBER`; a line of its input is a turn.
"""

import json
import random
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

from bench.floor import settle_records
from bench.peers_client import Turns
from bench.service import ADMIN, CONTEXT, Nowhere, Service, service_on
from tests.support.http_events import http_event
from tests.support.operation_costs import FULL_BATCH

SETTLED_TOGETHER = FULL_BATCH


def pairs(service: Service, turns: Turns, number: int) -> Iterator[None]:
    """Reserve and settle forever, yielding after each pair; settle in batches."""
    reserve, settle = service.handler("reserve"), service.handler("settle")
    chosen = random.Random(number)
    while True:
        reserved = []
        for _ in range(SETTLED_TOGETHER):
            agent = turns.agent(chosen)
            body = {"subjects": {"agent": agent}, "amounts": {"usd": "0.05"}}
            event = http_event("POST", "/v1/reservations", body=body, principal=ADMIN)
            answered = reserve(event, CONTEXT)
            assert answered["statusCode"] == 201, answered
            reserved.append(json.loads(answered["body"])["reservation_id"])
            yield
        answered = settle({"Records": settle_records(reserved)}, CONTEXT)
        assert not answered["batchItemFailures"], answered


if __name__ == "__main__":
    url, table, kind, number = sys.argv[1:]
    turns = Turns(sys.stdout)
    with redirect_stdout(Nowhere()), service_on(url, table, kind=kind) as service:
        turns.take(pairs(service, turns, int(number)))
