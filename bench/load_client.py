"""A client of `bench.load`: reserves through the handler, or makes the same calls by plain boto3.

Started as `python -m bench.load_client URL TABLE KIND NUMBER`; each line on its input is a turn.
The kind `bare` makes the calls of one reservation again and again, each time with a new id.
"""

import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

from bench.peers_client import HOT_AGENT, Turns
from bench.service import ADMIN, CONTEXT, KINDS, Nowhere, Service, service_on
from bench.twins import NotingClient
from spendgate_service.store import keys, values
from tests.support.engines import patient_client_at
from tests.support.http_events import http_event

BARE = "bare"
_BODY = {"subjects": {"agent": HOT_AGENT}, "amounts": {"usd": "0.05"}}


def reserves(service: Service) -> Iterator[None]:
    """Reserve forever, yielding after each reservation."""
    reserve = service.handler("reserve")
    while True:
        event = http_event("POST", "/v1/reservations", body=_BODY, principal=ADMIN)
        answered = reserve(event, CONTEXT)
        assert answered["statusCode"] == 201, answered
        yield


def bare_calls(service: Service, number: int) -> Iterator[None]:
    """Make the two calls of a reservation forever."""
    noting = service.table.client
    assert isinstance(noting, NotingClient)
    noting.take()
    service.answer(http_event("POST", "/v1/reservations", body=_BODY, principal=ADMIN))
    (_, update), (_, put) = (
        (operation, arguments)
        for operation, arguments in noting.take()
        if operation in {"update_item", "put_item"}
    )
    client = patient_client_at(service.url, kind="boto3")
    made = 0
    while True:
        made += 1
        key = values.key(keys.reservation_key("acme", f"bare-{number}-{made}"))
        client.update_item(**update)
        client.put_item(**{**put, "Item": {**put["Item"], **key}})
        yield


if __name__ == "__main__":
    url, table, kind, number = sys.argv[1:]
    turns = Turns(sys.stdout)
    is_bare = kind == BARE
    with (
        redirect_stdout(Nowhere()),
        service_on(
            url,
            table,
            kind=KINDS[0] if is_bare else kind,
            through=NotingClient if is_bare else lambda client: client,
        ) as service,
    ):
        turns.take(bare_calls(service, int(number)) if is_bare else reserves(service))
