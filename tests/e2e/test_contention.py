"""Many callers at once on one budget: exactly what fits is granted, and nothing is left behind."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.client import Json, Reply, Tenant, new_name, subjects_of

CALLERS = 20


def at_once(tenant: Tenant, body: Json) -> list[Reply]:
    with ThreadPoolExecutor(CALLERS) as pool:
        asked = [pool.submit(tenant.caller.post, "/v1/reservations", body) for _ in range(CALLERS)]
        return [future.result() for future in asked]


def test_20_concurrent_reservations_of_100_against_500_grant_exactly_5(tenant: Tenant) -> None:
    budget = tenant.budget(500)

    replies = at_once(tenant, {"subjects": subjects_of(budget), "amounts": {"usd": 100}})

    refused = [reply for reply in replies if reply.status != 201]
    assert len(refused) == 15
    for reply in refused:
        assert reply.refusal == (429, "rate_limit_exceeded")
        (violation,) = reply.error["violations"]
        assert (violation["budget_id"], violation["blocked_by"]) == (budget["budget_id"], "held")
    assert tenant.amounts(budget) == ("0", "500", "0")


def test_what_a_refusing_budget_stops_leaves_no_hold_on_the_others(tenant: Tenant) -> None:
    narrow = tenant.budget(500)
    wide = tenant.budget(100_000, on=f"session:{new_name()}")
    wanted = {
        "subjects": subjects_of(narrow) | subjects_of(wide),
        "amounts": {"usd": 100},
    }

    replies = at_once(tenant, wanted)

    granted = [reply.body["reservation_id"] for reply in replies if reply.status == 201]
    assert len(granted) == 5
    assert tenant.amounts(wide) == ("0", "500", "99500")
    for reservation_id in granted:
        assert tenant.finish(reservation_id, "release").status == 200
    assert tenant.amounts(narrow) == ("0", "0", "500")
    assert tenant.amounts(wide) == ("0", "0", "100000")


def test_20_concurrent_repeats_of_one_reservation_hold_once(tenant: Tenant) -> None:
    budget, key = tenant.budget(500), new_name("k")
    body = {"subjects": subjects_of(budget), "amounts": {"usd": 20}}

    with ThreadPoolExecutor(CALLERS) as pool:
        asked = [
            pool.submit(tenant.caller.post, "/v1/reservations", body, once=key)
            for _ in range(CALLERS)
        ]
        replies = [future.result() for future in asked]

    assert sorted(reply.status for reply in replies) == [200] * 19 + [201]
    assert len({reply.body["reservation_id"] for reply in replies}) == 1
    assert tenant.amounts(budget) == ("0", "20", "480")
