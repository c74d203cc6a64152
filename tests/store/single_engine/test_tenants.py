"""Tenants in the table."""

from dataclasses import replace

import pytest

from spendgate_service.domain.errors import AlreadyExists, IdempotencyConflict, NotFound
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.tenants import read_tenant_of
from spendgate_service.tenants.bearers import verify
from spendgate_service.tenants.tenants import (
    NewTenant,
    change_settings,
    change_tenant,
    create_tenant,
    list_tenants,
)
from spendgate_service.wire.tenants import tenant_response
from spendgate_service.wire.values import json_text
from tests.support.prices import a_price

NOW_MS = 1_772_971_200_000


def a_tenant(tenant_id: str = "acme") -> Tenant:
    return Tenant(tenant_id, name="Acme", created_at_ms=NOW_MS, updated_at_ms=NOW_MS)


def once(key: str = "k-1", fingerprint: str = "f") -> IdempotencyRecord:
    return IdempotencyRecord("-", "create_tenant", key, fingerprint)


def test_a_new_tenant_comes_with_a_key_for_its_first_admin(memory_table: Table) -> None:
    made = create_tenant(memory_table, a_tenant(), idempotency=None)

    assert isinstance(made, NewTenant)
    admin = verify(memory_table, made.admin_key.bearer)
    assert admin is not None
    assert (admin.tenant_id, admin.role) == ("acme", "admin")
    assert read_tenant_of(memory_table, "acme") == a_tenant()


def test_a_tenants_id_is_given_once(memory_table: Table) -> None:
    create_tenant(memory_table, a_tenant(), idempotency=once())

    with pytest.raises(AlreadyExists):
        create_tenant(memory_table, a_tenant(), idempotency=once("k-2"))


def test_creating_again_with_the_same_idempotency_key_answers_without_the_key(
    memory_table: Table,
) -> None:
    create_tenant(memory_table, a_tenant(), idempotency=once())

    assert create_tenant(memory_table, a_tenant(), idempotency=once()) == Replay(
        json_text({**tenant_response(a_tenant()), "admin_key": None})
    )


def test_an_idempotency_key_for_another_tenant_is_a_conflict(memory_table: Table) -> None:
    create_tenant(memory_table, a_tenant(), idempotency=once())

    with pytest.raises(IdempotencyConflict):
        create_tenant(memory_table, a_tenant("globex"), idempotency=once(fingerprint="other"))


def test_tenants_are_listed_page_by_page(memory_table: Table) -> None:
    for tenant_id in ("b", "a", "c"):
        create_tenant(memory_table, a_tenant(tenant_id), idempotency=None)

    first = list_tenants(memory_table, PageRequest(limit=2))
    rest = list_tenants(memory_table, PageRequest(limit=2, cursor=first.next_cursor))

    assert [item.tenant_id for item in (*first.data, *rest.data)] == ["a", "b", "c"]


def test_an_unknown_tenant_is_not_found(memory_table: Table) -> None:
    with pytest.raises(NotFound):
        read_tenant_of(memory_table, "unknown")


def test_a_change_keeps_what_a_rival_changed_meanwhile(memory_table: Table) -> None:
    create_tenant(memory_table, a_tenant(), idempotency=None)
    rivals = iter([None])

    def require_budget(tenant: Tenant) -> Tenant:
        for _ in rivals:
            allow = change_settings(lambda current: replace(current, unpriced_model="allow"))
            change_tenant(memory_table, "acme", allow, now_ms=NOW_MS)
        return replace(tenant, require_budget=True)

    change_tenant(memory_table, "acme", change_settings(require_budget), now_ms=NOW_MS)

    found = read_tenant_of(memory_table, "acme")
    assert (found.require_budget, found.unpriced_model) == (True, "allow")


def test_tenants_with_many_settings_hide_no_others_from_the_list(local_table: Table) -> None:
    """DynamoDB answers a query with 1 MB at most, however many items were asked for."""
    price = a_price("p" * 64, "", read=1, written=1)
    prices = {str(number): replace(price, model=f"{number:0250}") for number in range(750)}
    partition = keys.tenants_partition(0)
    ids = [
        tenant_id
        for tenant_id in (f"tenant-{number:03}" for number in range(160))
        if keys.tenant_key(tenant_id)[0] == partition
    ][:8]
    for tenant_id in ids:
        create_tenant(local_table, a_tenant(tenant_id), idempotency=None)
        priced = change_settings(lambda current: replace(current, prices=prices))
        change_tenant(local_table, tenant_id, priced, now_ms=NOW_MS)

    listed = list_tenants(local_table, PageRequest(limit=100)).data
    assert [tenant.tenant_id for tenant in listed] == ids
    first = local_table.client.query(
        TableName=local_table.name,
        KeyConditionExpression="pk = :tenants",
        ExpressionAttributeValues={":tenants": {"S": partition}},
    )
    assert "LastEvaluatedKey" in first, "they fit one answer, so the test shows nothing"


def test_tenants_are_spread_over_partitions_and_listed_by_id(memory_table: Table) -> None:
    ids = [f"tenant-{number:03}" for number in range(60)]
    for tenant_id in reversed(ids):
        create_tenant(memory_table, a_tenant(tenant_id), idempotency=None)

    found: list[str] = []
    cursor = None
    while cursor or not found:
        page = list_tenants(memory_table, PageRequest(limit=7, cursor=cursor))
        found += [tenant.tenant_id for tenant in page.data]
        cursor = page.next_cursor

    assert found == ids
    assert len({keys.tenant_key(tenant_id)[0] for tenant_id in ids}) == keys.TENANT_SHARDS
