"""The schema item: a table of another version is refused, and says so."""

import logging

import pytest

from local.console import LocalStackError
from local.schema import require_current_schema
from spendgate_service.app import Spendgate
from spendgate_service.audit import __main__ as audit
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import WrongSchema
from spendgate_service.store.schema import SCHEMA, require_schema, stored_schema
from spendgate_service.store.values import key, number
from spendgate_service.tenants import __main__ as tenants
from spendgate_service.tenants.__main__ import create_operator_key
from tests.conftest import TABLE_NAME
from tests.support.app import NoBackoff
from tests.support.clock import FakeClock
from tests.support.faulty_client import faulty
from tests.support.functions import LambdaContext, LongContext, answer_of, load_function
from tests.support.handlers import ADMIN
from tests.support.http_events import a_principal, http_event
from tests.support.settlement_queue import finishing, records

WISH = {"subjects": {"agent": "a"}, "amounts": {"usd": 1}}
TENANT_WISH = {"tenant_id": "acme"}
OPERATOR = a_principal("operator", tenant_id=keys.OPERATOR_TENANT)


def environment(table: Table) -> Spendgate:
    """A new environment, that has not read the schema yet."""
    app = Spendgate(table, clock=FakeClock(), schema_is_known=False)
    vars(app).update(redelivery=NoBackoff())
    return app


def put_schema(table: Table, schema: int) -> None:
    table.put({**key(keys.SCHEMA_KEY), "version": number(schema)})


@pytest.mark.parametrize(
    ("function", "request_line", "body"),
    [
        ("reserve", "POST /v1/reservations", WISH),
        ("check", "POST /v1/check", WISH),
        ("settle", "POST /v1/spend", {"subjects": {"agent": "a"}, "actual": {"usd": 1}}),
        ("admin", "GET /v1/budgets", None),
    ],
)
def test_a_table_of_another_schema_is_refused_over_http(
    memory_table: Table,
    caplog: pytest.LogCaptureFixture,
    function: str,
    request_line: str,
    body: object,
) -> None:
    put_schema(memory_table, SCHEMA + 1)
    method, path = request_line.split(" ")
    event = http_event(method, path, body=body, principal=ADMIN)

    with caplog.at_level(logging.WARNING):
        refused = answer_of(load_function(function, environment(memory_table)), event)

    assert (refused.status, refused.code) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "60"
    said = refused.body["error"]["message"]
    assert f"the table has the schema {SCHEMA + 1}" in said and "needs the schema 1" in said
    assert said in caplog.text


def test_a_table_of_another_schema_keeps_its_messages_and_periods(memory_table: Table) -> None:
    put_schema(memory_table, SCHEMA + 1)
    event = {"Records": records([finishing("rsv_1", {"usd": 1})])}

    answer = load_function("settle", environment(memory_table)).handler(event, LambdaContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    with pytest.raises(WrongSchema):
        load_function("rollover", environment(memory_table)).handler({}, LongContext())


def test_health_is_up_under_any_schema(memory_table: Table) -> None:
    put_schema(memory_table, SCHEMA + 1)
    function = load_function("admin", environment(memory_table))

    assert answer_of(function, http_event("GET", "/v1/health", principal=None)).status == 200


def test_an_environment_reads_the_schema_once(memory_table: Table) -> None:
    """A warm request makes the calls that it made before there was a schema item."""
    create_operator_key(memory_table, 1)
    put_schema(memory_table, SCHEMA)
    table, client = faulty(memory_table)
    function = load_function("reserve", environment(table))
    event = http_event("POST", "/v1/reservations", body=WISH, principal=ADMIN)

    answer_of(function, event)
    first, before = list(client.calls), len(client.calls)
    answer_of(function, event)

    assert first.count("get_item") == 1
    assert "get_item" not in client.calls[before:]


def test_an_environment_reads_again_what_it_could_not_read(memory_table: Table) -> None:
    put_schema(memory_table, SCHEMA + 1)
    function = load_function("admin", environment(memory_table))
    event = http_event("GET", "/v1/budgets", principal=ADMIN)
    assert answer_of(function, event).status == 503
    put_schema(memory_table, SCHEMA)

    assert answer_of(function, event).status == 200


def test_the_admin_function_writes_the_item_where_it_is_absent(memory_table: Table) -> None:
    event = http_event("POST", "/v1/tenants", body=TENANT_WISH, principal=OPERATOR)

    made = answer_of(load_function("admin", environment(memory_table)), event)

    assert made.status == 201
    assert stored_schema(memory_table) == SCHEMA


def test_two_writers_of_the_item_agree(memory_table: Table) -> None:
    require_schema(memory_table, create=True)
    require_schema(memory_table, create=True)

    assert stored_schema(memory_table) == SCHEMA


def test_a_command_writes_the_item_when_it_first_uses_a_table(
    account_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tenants.main(["operator-key", "--table", TABLE_NAME]) == 0
    assert capsys.readouterr().out.startswith("sg.-.key_")

    assert stored_schema(account_table) == SCHEMA


def test_the_commands_refuse_a_table_of_another_schema(
    account_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    put_schema(account_table, SCHEMA + 1)

    assert tenants.main(["operator-key", "--table", TABLE_NAME]) == 1
    assert audit.main(["--table", TABLE_NAME]) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count(f"the table has the schema {SCHEMA + 1}") == 2


@pytest.mark.parametrize("schema", [None, SCHEMA + 1])
def test_make_up_refuses_an_older_local_state(memory_table: Table, schema: int | None) -> None:
    """Also that of a version before there was a schema item."""
    create_operator_key(memory_table, 1)
    if schema is not None:
        put_schema(memory_table, schema)

    with pytest.raises(LocalStackError, match="make clean"):
        require_current_schema(memory_table)


def test_make_up_takes_an_empty_table_and_its_own(memory_table: Table) -> None:
    require_current_schema(memory_table)
    create_operator_key(memory_table, 1)
    require_current_schema(memory_table)

    assert stored_schema(memory_table) == SCHEMA
