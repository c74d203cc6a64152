"""Two admins revoke each other's keys at the same time: the tenant keeps one."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count

import pytest

from spendgate_service.domain.errors import LastAdminKey, NotFound
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from spendgate_service.store.paging import PageRequest
from spendgate_service.tenants.api_keys import create_key, list_keys, new_key, revoke_key

ROUNDS = 10


@pytest.mark.parametrize("admins", [2, 4])
def test_admins_who_revoke_each_other_leave_one_key(local_table: Table, admins: int) -> None:
    """Every key is revoked at once: at least one is refused, and that one still exists."""
    now_ms = count(1_772_971_200_000)
    with ThreadPoolExecutor(admins) as pool:
        for number in range(ROUNDS):
            tenant_id = f"races-{admins}-{number}"
            issued = [
                new_key(tenant_id, "admin", name=None, now_ms=next(now_ms)) for _ in range(admins)
            ]
            for key in issued:
                create_key(local_table, key, idempotency=None)
            ids = [key.key.key_id for key in issued]

            outcomes = list(pool.map(partial(_revoked, local_table, tenant_id), ids))

            left = {key.key_id for key in list_keys(local_table, tenant_id, PageRequest()).data}
            assert left
            assert left.isdisjoint(
                key_id for key_id, gone in zip(ids, outcomes, strict=True) if gone
            )


def _revoked(table: Table, tenant_id: str, key_id: str) -> bool:
    try:
        revoke_key(table, tenant_id, key_id, now_ms=0)
    except (LastAdminKey, Unavailable):
        return False
    except NotFound:
        pytest.fail("each key is revoked by one admin")
    return True
