"""Settlements that come by the queue: in any order, more than once, and some of them broken."""

import json

import pytest

from tests.e2e.client import Json, Queues, Tenant, eventually, new_name, subjects_of

_SETTLE = '"version": 1, "type": "settle", "tenant_id": "{tenant}"'
_UNKNOWN = '"reservation_id": "{tag}"'
_ONE = '"actual": {{"usd": 1}}'
_ENDLESS = '"actual": {{"usd": 1e400}}'


def settle_message(tenant: Tenant, reservation_id: str, usd: str | int, **more: object) -> Json:
    return {
        "version": 1,
        "type": "settle",
        "tenant_id": tenant.tenant_id,
        "reservation_id": reservation_id,
        "actual": {"usd": usd},
        **more,
    }


def release_message(tenant: Tenant, reservation_id: str) -> Json:
    return {
        "version": 1,
        "type": "release",
        "tenant_id": tenant.tenant_id,
        "reservation_id": reservation_id,
    }


def becomes(tenant: Tenant, reservation_id: str, state: str) -> Json:
    return eventually(
        lambda: tenant.reservation(reservation_id), lambda found: found["state"] == state
    )


def test_a_settle_message_settles(tenant: Tenant, queues: Queues) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)

    queues.send(settle_message(tenant, reservation_id, "1.5", ref_id="gen-1"))

    settled = becomes(tenant, reservation_id, "settled")
    assert settled["actual"] == {"usd": "1.5"}
    assert tenant.amounts(budget) == ("1.5", "0", "8.5")
    (entry,) = tenant.ledger(budget)
    assert (entry["amount"], entry["ref_id"]) == ("1.5", "gen-1")


def test_a_release_message_gives_the_hold_back(tenant: Tenant, queues: Queues) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)

    queues.send(release_message(tenant, reservation_id))

    becomes(tenant, reservation_id, "released")
    assert tenant.amounts(budget) == ("0", "0", "10")


def test_the_same_message_three_times_in_different_batches_spends_once(
    tenant: Tenant, queues: Queues
) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)
    message = settle_message(tenant, reservation_id, "1.5")

    for _ in range(3):
        neighbour = tenant.reserve(budget, 1)
        queues.send(message, release_message(tenant, neighbour))
        becomes(tenant, neighbour, "released")
        queues.wait_until_empty()

    assert tenant.amounts(budget) == ("1.5", "0", "8.5")
    assert len(tenant.ledger(budget)) == 1


def test_the_same_message_three_times_in_one_batch_spends_once(
    tenant: Tenant, queues: Queues
) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)

    queues.send(*[settle_message(tenant, reservation_id, "1.5")] * 3)

    becomes(tenant, reservation_id, "settled")
    queues.wait_until_empty()
    assert tenant.amounts(budget) == ("1.5", "0", "8.5")


def test_a_settlement_over_http_and_by_the_queue_counts_once(
    tenant: Tenant, queues: Queues
) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)
    queues.send(settle_message(tenant, reservation_id, "1.5"))

    assert tenant.finish(reservation_id, "settle", {"actual": {"usd": "1.50"}}).status == 200
    queues.wait_until_empty()

    assert tenant.amounts(budget) == ("1.5", "0", "8.5")


def test_a_batch_of_ten_settles_one_hot_budget(tenant: Tenant, queues: Queues) -> None:
    budget = tenant.budget(100)
    reservations = [tenant.reserve(budget, 5) for _ in range(10)]

    queues.send(*(settle_message(tenant, reservation, "0.1") for reservation in reservations))

    eventually(lambda: tenant.amounts(budget), lambda amounts: amounts == ("1", "0", "99"))
    assert [entry["amount"] for entry in tenant.ledger(budget)] == ["0.1"] * 10


def test_a_record_counts_once_by_http_and_by_the_queue_with_the_same_key(
    tenant: Tenant, queues: Queues
) -> None:
    budget, key = tenant.budget(10), new_name("evt")
    spent = {"subjects": subjects_of(budget), "actual": {"usd": 2}}
    message = {
        "version": 1, "type": "record", "tenant_id": tenant.tenant_id, "event_id": key, **spent,
    }  # fmt: skip

    first = tenant.caller.post("/v1/spend", spent, once=key)
    queues.send(message, message)
    queues.wait_until_empty()
    again = tenant.caller.post("/v1/spend", spent, once=key)

    assert (first.status, again.status) == (201, 200)
    assert tenant.amounts(budget) == ("2", "0", "8")
    assert len(tenant.ledger(budget)) == 1


def test_a_record_that_came_by_the_queue_first_is_replayed_over_http(
    tenant: Tenant, queues: Queues
) -> None:
    budget, key = tenant.budget(10), new_name("evt")
    spent = {"subjects": subjects_of(budget), "actual": {"usd": 2}}
    message = {
        "version": 1, "type": "record", "tenant_id": tenant.tenant_id, "event_id": key, **spent,
    }  # fmt: skip
    queues.send(message)
    eventually(lambda: tenant.amounts(budget), lambda amounts: amounts == ("2", "0", "8"))

    replay = tenant.caller.post("/v1/spend", spent, once=key)

    assert replay.status == 200
    assert tenant.amounts(budget) == ("2", "0", "8")


@pytest.mark.parametrize(
    ("poison", "code"),
    [
        ("not JSON {tag}", "invalid_json"),
        ('{{"version": 1, "type": "refund", "tag": "{tag}"}}', "invalid_request"),
        (f"{{{{{_SETTLE}, {_UNKNOWN}, {_ONE}}}}}", "not_found"),
        (f"{{{{{_SETTLE}, {_UNKNOWN}, {_ENDLESS}}}}}", "invalid_request"),
    ],
    ids=["not JSON", "an unknown type", "an unknown reservation", "1e400"],
)
def test_poison_is_put_aside_with_its_reason_and_its_neighbours_go_through(
    tenant: Tenant, queues: Queues, poison: str, code: str
) -> None:
    budget = tenant.budget(10)
    before, after = tenant.reserve(budget, 4), tenant.reserve(budget, 4)
    bad = poison.format(tag=new_name("poison"), tenant=tenant.tenant_id)

    queues.send(
        settle_message(tenant, before, 1), bad, settle_message(tenant, after, 2)
    )  # fmt: skip

    dead = queues.take_dead(bad)[bad]
    assert dead["code"] == code
    assert dead["reason"]
    becomes(tenant, before, "settled")
    becomes(tenant, after, "settled")
    assert tenant.amounts(budget) == ("3", "0", "7")


def test_a_settlement_with_another_cost_is_put_aside_and_changes_nothing(
    tenant: Tenant, queues: Queues
) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)
    tenant.finish(reservation_id, "settle", {"actual": {"usd": 1}})
    other = json.dumps(settle_message(tenant, reservation_id, 2))

    queues.send(other)

    assert queues.take_dead(other)[other]["code"] == "reservation_finalized"
    assert tenant.amounts(budget) == ("1", "0", "9")
