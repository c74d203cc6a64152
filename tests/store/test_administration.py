"""Credits, caps, statements and the export hold on every engine as they do in one."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from spendgate_service.audit.budget import audit_subject
from spendgate_service.budgets.credit import Credit, Credited, apply_credit
from spendgate_service.budgets.token_caps import delete_token_cap, put_token_cap, read_token_cap
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, TokenCap
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.statements import StoredStatement
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.reports.export import Place, Span, Step, export_ledger
from spendgate_service.reports.statements import (
    find_statements_of,
    statements_page,
)
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.listings import find_listed
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from spendgate_service.wire.credits import credit_response
from spendgate_service.wire.values import json_text
from tests.support.rollover import close
from tests.support.world import AGENT, TENANT, World

DAY_SECONDS = 86_400
PERIODS: list[PeriodRule] = [
    NoPeriod(),
    CalendarPeriod("day"),
    DurationPeriod(3600),
    RollingPeriod(3600),
]


def credited(
    world: World, budget: Budget, amount: int, *, key: str | None = None
) -> Credited | Replay:
    once = IdempotencyRecord(TENANT, "credit", key, "f") if key else None
    credit = Credit(budget.budget_id, parse_subject(AGENT), amount * ONE, Provenance())
    return apply_credit(world.table, TENANT, credit, idempotency=once, now_ms=world.clock.now_ms())


@pytest.mark.parametrize("period", PERIODS, ids=str)
@pytest.mark.parametrize("on", [AGENT, "agent:*"])
def test_a_credit_adds_to_what_can_be_granted_used_or_not(
    world: World, period: PeriodRule, on: str
) -> None:
    budget = world.budget(10, on=on, period=period)

    unused = credited(world, budget, 5)
    world.record(12)
    used = credited(world, budget, 7)

    assert isinstance(unused, Credited) and isinstance(used, Credited)
    assert (unused.balance.available, used.balance.available) == (15 * ONE, 10 * ONE)
    assert unused.entry.period_key == used.entry.period_key == unused.balance.period.key
    world.reserve(10)
    audit = audit_subject(
        world.table, TENANT, budget.budget_id, parse_subject(AGENT), now_ms=world.clock.now_ms()
    )
    assert audit.differences == ()


def test_a_credit_under_one_key_counts_once(world: World) -> None:
    budget = world.budget(10)

    first, again = credited(world, budget, 5, key="k"), credited(world, budget, 5, key="k")

    assert isinstance(first, Credited) and isinstance(again, Replay)
    assert again.answer == json_text(credit_response(first.entry, first.balance))
    assert world.balance_of(AGENT).available == 15 * ONE


def test_a_credit_on_a_shrunk_default_leaves_its_counter_to_the_next_reservation(
    world: World,
) -> None:
    budget = world.budget(10, on="agent:*")
    world.record(4)
    world.set_limit(budget, 6)

    done = credited(world, budget, 3)

    assert isinstance(done, Credited)
    assert done.balance.available == 5 * ONE
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    assert world.balance_of(AGENT).available == 5 * ONE


def test_a_token_cap_is_a_new_version_of_the_policy_and_of_its_counters(world: World) -> None:
    budget = world.budget(10)
    cap, subject = TokenCap(max_total_tokens=5), parse_subject(AGENT)

    put_token_cap(world.table, TENANT, subject, cap, now_ms=world.clock.now_ms())

    assert read_token_cap(world.table, TENANT, subject) == cap
    assert world.counter(budget).version == 2
    world.reserve(10)
    assert delete_token_cap(world.table, TENANT, subject, now_ms=world.clock.now_ms()) == cap


def test_statements_come_newest_first_page_by_page_also_of_a_deleted_budget(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("day"))
    for _ in range(3):
        world.record(1)
        world.clock.advance(DAY_SECONDS)
    world.clock.advance(DAY_SECONDS)
    close(world)
    world.delete(budget)

    found = find_statements_of(world.table, TENANT, budget.budget_id)
    pages: list[tuple[StoredStatement, ...]] = []
    cursor = None
    while not pages or cursor:
        page = statements_page(
            world.table, TENANT, found, budget.subject, PageRequest(limit=1, cursor=cursor)
        )
        pages.append(page.data)
        cursor = page.next_cursor

    shown = [item for data in pages for item in data]
    ends = [statement.statement.period.ends_at or 0 for statement in shown]
    assert len(ends) == 3
    assert all(newer > older for newer, older in pairwise(ends))
    assert all(statement.is_current and statement.corrects is None for statement in shown)


@pytest.mark.parametrize("limit", [1, 10])
def test_a_statement_that_was_corrected_says_so_wherever_a_page_ends(
    world: World, limit: int
) -> None:
    budget = world.budget(10, period=CalendarPeriod("day"))
    reservation = world.reserve(5, ttl_seconds=1)
    world.clock.advance(2 * DAY_SECONDS)
    close(world)
    world.settle(reservation, 5)
    close(world)

    found = find_statements_of(world.table, TENANT, budget.budget_id)
    shown: list[StoredStatement] = []
    cursor = None
    while not shown or cursor:
        wanted = PageRequest(limit=limit, cursor=cursor)
        page = statements_page(world.table, TENANT, found, budget.subject, wanted)
        shown += page.data
        cursor = page.next_cursor

    corrected, first = shown
    assert (corrected.is_current, corrected.statement.spent) == (True, 5 * ONE)
    assert (first.is_current, first.statement.spent) == (False, 0)
    assert (corrected.corrects, first.corrects) == (first.statement_id, None)


def test_an_export_that_stops_at_every_place_misses_nothing_and_repeats_nothing(
    world: World,
) -> None:
    gone = world.budget(10, on="user:u", period=CalendarPeriod("hour"))
    world.budget(100, on="agent:*", period=CalendarPeriod("hour"))
    world.budget(100, on="tool:*")
    for _ in range(3):
        for by in ("user:u", AGENT, "agent:b"):
            world.record(1, by=(by,))
        world.clock.advance(3600)
    world.delete(gone)
    span = Span(0, world.clock.now_ms())
    whole = [entry.entry_id for _, many in export(world, span, None) for entry in many]

    in_parts: list[str] = []
    place: Place | None = None
    while (step := next(iter(export(world, span, place)), None)) is not None:
        place, entries = step
        in_parts += [entry.entry_id for entry in entries]

    assert len(whole) == len(set(whole)) == 9
    assert in_parts == whole
    assert find_listed(world.table, TENANT, gone.budget_id).subject == Subject("user", "u")


def export(world: World, span: Span, start: Place | None) -> Iterator[Step]:
    return export_ledger(world.table, TENANT, span, start=start)


@pytest.mark.parametrize("period", PERIODS, ids=str)
@pytest.mark.parametrize("on", [AGENT, "agent:*"])
def test_a_correction_takes_nothing_that_was_held_meanwhile(
    world: World, period: PeriodRule, on: str
) -> None:
    budget = world.budget(10, on=on, period=period)
    world.record(1)
    late = world.overtaken_by(lambda: world.reserve(7))

    with pytest.raises(InvalidValue, match="from agent:researcher and 2 are available"):
        credited(late, budget, -3)
    fits = credited(world, budget, -2)

    assert isinstance(fits, Credited)
    assert world.counter(budget, AGENT).available == 0
    assert audit_subject(
        world.table, TENANT, budget.budget_id, parse_subject(AGENT), now_ms=world.clock.now_ms()
    ).differences == ()  # fmt: skip


def test_a_correction_takes_what_an_expired_hold_leaves(world: World) -> None:
    budget = world.budget(10)
    world.reserve(7, ttl_seconds=10)
    world.clock.advance(60)

    assert isinstance(credited(world, budget, -10), Credited)
    assert world.counter(budget).available == 0
