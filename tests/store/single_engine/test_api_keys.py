"""API keys in the table."""

import logging

import pytest

from spendgate_service.domain.errors import IdempotencyConflict, LastAdminKey, NotFound
from spendgate_service.domain.tenants import Role, Tenant
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.paging import PageRequest
from spendgate_service.tenants import __main__ as operator_key
from spendgate_service.tenants.__main__ import create_operator_key
from spendgate_service.tenants.api_keys import (
    IssuedKey,
    create_key,
    list_keys,
    new_key,
    revoke_key,
)
from spendgate_service.tenants.bearers import verify
from spendgate_service.tenants.tenants import create_tenant
from spendgate_service.wire.keys import key_response
from spendgate_service.wire.values import json_text
from tests.conftest import TABLE_NAME

NOW_MS = 1_772_971_200_000


def issue(
    table: Table, tenant_id: str = "acme", *, role: Role = "caller", now_ms: int = NOW_MS
) -> IssuedKey:
    issued = new_key(tenant_id, role, name="ci", now_ms=now_ms)
    assert create_key(table, issued, idempotency=None) == issued
    return issued


def once(fingerprint: str = "f") -> IdempotencyRecord:
    return IdempotencyRecord("acme", "create_key", "k-1", fingerprint)


def everything_in(table: Table) -> str:
    return repr(table.scan()["Items"])


def test_a_key_proves_its_tenant_and_role(memory_table: Table) -> None:
    issued = issue(memory_table)

    assert verify(memory_table, issued.bearer) == issued.key


def test_a_tenants_id_may_contain_dots_and_hyphens(memory_table: Table) -> None:
    issued = issue(memory_table, "acme.eu-1_x")

    found = verify(memory_table, issued.bearer)

    assert found is not None
    assert found.tenant_id == "acme.eu-1_x"


def test_a_wrong_secret_proves_nothing(memory_table: Table) -> None:
    issued = issue(memory_table)
    last = "a" if issued.bearer[-1] != "a" else "b"

    assert verify(memory_table, issued.bearer[:-1] + last) is None


def test_a_key_proves_nothing_for_another_tenant(memory_table: Table) -> None:
    bearer = issue(memory_table).bearer

    assert verify(memory_table, bearer.replace("sg.acme.", "sg.globex.")) is None


@pytest.mark.parametrize(
    "bearer",
    ["", "sg", "sg...", "sg.acme.key_x.y", "x" * 10_000, "sg.a#b.key_" + "0" * 26 + "." + "s" * 43],
)
def test_what_cannot_be_a_key_never_reaches_the_table(
    memory_table: Table, bearer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Table, "get")

    assert verify(memory_table, bearer) is None


def test_a_revoked_key_proves_nothing(memory_table: Table) -> None:
    issued = issue(memory_table)

    revoke_key(memory_table, "acme", issued.key.key_id, now_ms=NOW_MS)

    assert verify(memory_table, issued.bearer) is None


def test_an_unknown_key_cannot_be_revoked(memory_table: Table) -> None:
    with pytest.raises(NotFound):
        revoke_key(memory_table, "acme", "key_unknown", now_ms=NOW_MS)


def test_another_tenants_key_cannot_be_revoked(memory_table: Table) -> None:
    issued = issue(memory_table)

    with pytest.raises(NotFound):
        revoke_key(memory_table, "globex", issued.key.key_id, now_ms=NOW_MS)


@pytest.mark.parametrize("others", [(), ("caller", "reader")])
def test_the_last_admin_key_of_a_tenant_is_not_revoked(
    memory_table: Table, others: tuple[Role, ...]
) -> None:
    """Keys of another role, or of another tenant, do not count."""
    last = issue(memory_table, role="admin")
    issue(memory_table, "globex", role="admin")
    for role in others:
        issue(memory_table, role=role)

    with pytest.raises(LastAdminKey, match=r"create another one first \(POST /v1/keys"):
        revoke_key(memory_table, "acme", last.key.key_id, now_ms=NOW_MS)

    assert verify(memory_table, last.bearer) == last.key


def test_an_admin_key_is_revoked_while_another_one_remains(memory_table: Table) -> None:
    first, second = (issue(memory_table, role="admin", now_ms=NOW_MS + n) for n in range(2))

    assert revoke_key(memory_table, "acme", first.key.key_id, now_ms=NOW_MS) == first.key

    assert verify(memory_table, first.bearer) is None
    with pytest.raises(NotFound):
        revoke_key(memory_table, "acme", first.key.key_id, now_ms=NOW_MS)
    with pytest.raises(LastAdminKey):
        revoke_key(memory_table, "acme", second.key.key_id, now_ms=NOW_MS)


def test_the_secret_is_in_no_item_no_repr_and_no_log(
    memory_table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    issued = new_key("acme", "admin", name=None, now_ms=NOW_MS)
    secret = issued.bearer.rpartition(".")[2]

    create_key(memory_table, issued, idempotency=once())
    verify(memory_table, issued.bearer)

    assert secret not in everything_in(memory_table) + repr(issued) + str(issued) + caplog.text


def test_creating_again_answers_without_a_secret_and_makes_no_second_key(
    memory_table: Table,
) -> None:
    first = new_key("acme", "caller", name=None, now_ms=NOW_MS)
    second = new_key("acme", "caller", name=None, now_ms=NOW_MS + 1)
    create_key(memory_table, first, idempotency=once())

    assert create_key(memory_table, second, idempotency=once()) == Replay(
        json_text({**key_response(first.key), "secret": None})
    )
    assert list_keys(memory_table, "acme", PageRequest()).data == (first.key,)


def test_an_idempotency_key_for_another_key_is_a_conflict(memory_table: Table) -> None:
    create_key(
        memory_table, new_key("acme", "caller", name=None, now_ms=NOW_MS), idempotency=once()
    )

    with pytest.raises(IdempotencyConflict):
        create_key(
            memory_table,
            new_key("acme", "admin", name=None, now_ms=NOW_MS),
            idempotency=once("other"),
        )


def test_keys_are_listed_page_by_page_in_the_order_of_their_creation(memory_table: Table) -> None:
    made = [issue(memory_table, now_ms=NOW_MS + n).key for n in range(5)]
    issue(memory_table, "globex")

    first = list_keys(memory_table, "acme", PageRequest(limit=3))
    rest = list_keys(memory_table, "acme", PageRequest(limit=3, cursor=first.next_cursor))

    assert [*first.data, *rest.data] == made
    assert rest.next_cursor is None


def test_the_operators_key_belongs_to_no_tenant(memory_table: Table) -> None:
    found = verify(memory_table, create_operator_key(memory_table, NOW_MS))

    assert found is not None
    assert (found.tenant_id, found.role) == (keys.OPERATOR_TENANT, "operator")


def test_the_command_prints_an_operator_key_that_works(
    account_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    operator_key.main(["operator-key", "--table", TABLE_NAME])

    assert verify(account_table, capsys.readouterr().out.strip()) is not None


def test_the_command_revokes_an_operator_key_by_its_id(
    account_table: Table, capsys: pytest.CaptureFixture[str]
) -> None:
    bearer = create_operator_key(account_table, NOW_MS)
    _, _, key_id, _ = bearer.split(".")

    operator_key.main(["operator-key", "--table", TABLE_NAME, "--revoke", key_id])

    assert verify(account_table, bearer) is None
    assert capsys.readouterr().out == f"revoked {key_id}\n"


@pytest.mark.parametrize("role", ["admin", "caller"])
def test_the_command_issues_a_key_to_a_tenant(
    account_table: Table, capsys: pytest.CaptureFixture[str], role: str
) -> None:
    create_tenant(account_table, Tenant("acme", created_at_ms=NOW_MS), idempotency=None)
    said = [] if role == "admin" else ["--role", role]

    operator_key.main(["tenant-key", "--table", TABLE_NAME, "--tenant", "acme", *said])

    found = verify(account_table, capsys.readouterr().out.strip())
    assert found is not None
    assert (found.tenant_id, found.role) == ("acme", role)


@pytest.mark.usefixtures("account_table")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["operator-key", "--table", "no-such-table"], "resource not found"),
        (["operator-key", "--table", TABLE_NAME, "--revoke", "key_unknown"], "key_unknown"),
        (["tenant-key", "--table", TABLE_NAME, "--tenant", "unknown"], "no tenant unknown"),
        (["tenant-key", "--table", TABLE_NAME, "--tenant", "-"], "no tenant -"),
    ],
)
def test_a_command_that_fails_says_why_in_one_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operator_key.main(arguments) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err.lower() and printed.err.count("\n") == 1


def test_a_secret_is_compared_in_constant_time(
    memory_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comparison that stops at the first difference would tell how much was right."""
    issued = issue(memory_table)
    compared: list[tuple[str, str]] = []

    def noting(one: str, other: str) -> bool:
        compared.append((one, other))
        return False

    monkeypatch.setattr("spendgate_service.tenants.bearers.hmac.compare_digest", noting)

    assert verify(memory_table, issued.bearer) is None
    [(one, other)] = compared
    assert one == other and len(one) == 64
    assert issued.bearer.rpartition(".")[2] not in (one, other)
