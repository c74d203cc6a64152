"""Keys: two different things never share one, whatever their ids are made of."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from spendgate_service.domain.periods import Period
from spendgate_service.domain.subjects import Subject, make_subject
from spendgate_service.store import keys
from tests.support.examples import examples

TOKENS = [
    "#",
    "%",
    "%23",
    "%25",
    "%2523",
    "23",
    "25",
    ":",
    "/",
    "\n",
    "\0",
    " ",
    "*",
    "a",
    "\u00e9",
]
TRICKY = st.lists(st.sampled_from(TOKENS), max_size=4).map("".join)
PARTS = TRICKY | st.text(max_size=8)
SUBJECTS = st.builds(Subject, st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True), PARTS)

NUMBERS = st.integers(0, 10**11)
DAYS = st.dates(date(1970, 1, 1), date(2999, 12, 31)).map(lambda day: f"{day:%Y%m%d}")
PERIODS = st.builds(
    Period,
    st.from_regex(r"[0-9]{4}(-[0-9]{2}(T[0-9]{2}:00)?|\+0[0-9]:00)?(/[1-9][hdw])?", fullmatch=True),
    NUMBERS,
    NUMBERS,
)


def _entries(tenant_id: str, budget_id: str, subject: Subject, at_ms: int, batch: int) -> keys.Key:
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    return partition, keys.ledger_sort_key(at_ms, f"{batch:026d}")


def _statement(
    tenant_id: str, budget_id: str, subject: Subject, period: Period, revision: int
) -> keys.Key:
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    return partition, keys.statement_sort_key(replace(period, starts_at=0), revision % 10**6)


def _usage(tenant_id: str, day: str, batch_id: str, at_ms: int) -> keys.Key:
    return keys.usage_key(tenant_id, day, batch_id, recorded_at_ms=at_ms)


def _rollup(tenant_id: str, day: str, name: str, part: int) -> keys.Key:
    return keys.quarters_partition(tenant_id, day), keys.rollup_sort_key(name, part)


BUILDERS: dict[str, tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]] = {
    "policy": (keys.policy_key, (PARTS, SUBJECTS)),
    "counter": (keys.counter_key, (PARTS, PARTS, SUBJECTS, PARTS)),
    "event": (keys.event_key, (PARTS, PARTS, SUBJECTS, PARTS, PARTS)),
    "reservation": (keys.reservation_key, (PARTS, PARTS)),
    "once": (keys.once_key, (PARTS, PARTS, PARTS)),
    "budget_directory": (keys.budget_directory_key, (PARTS, PARTS)),
    "deleted_budget": (keys.deleted_budget_key, (PARTS, PARTS)),
    "api_key": (keys.api_key_key, (PARTS, PARTS)),
    "token_cap": (keys.token_cap_key, (PARTS, SUBJECTS)),
    "change": (keys.change_key, (PARTS, PARTS)),
    "increase_request": (keys.increase_request_key, (PARTS, PARTS)),
    "waiting_request": (keys.waiting_request_key, (PARTS, PARTS, PARTS, SUBJECTS)),
    "notifications": (keys.notifications_key, (PARTS,)),
    "delivery_state": (keys.delivery_state_key, (PARTS, PARTS)),
    "tenant": (keys.tenant_key, (PARTS,)),
    "attempts": (keys.attempts_key, (PARTS,)),
    "window": (keys.window_key, (PARTS, PARTS, SUBJECTS, NUMBERS)),
    "slug": (keys.slug_key, (PARTS, PARTS)),
    "reversal": (keys.reversal_key, (PARTS, PARTS)),
    "usage": (_usage, (PARTS, DAYS, PARTS, NUMBERS)),
    "rollup_state": (keys.rollup_state_key, (PARTS,)),
    "rollup_day": (keys.rollup_day_key, (PARTS, DAYS)),
    "rollup": (_rollup, (PARTS, DAYS, st.sampled_from(["0000", "2345"]), st.integers(0, 99))),
    "ledger": (_entries, (PARTS, PARTS, SUBJECTS, NUMBERS, NUMBERS)),
    "statement": (_statement, (PARTS, PARTS, SUBJECTS, PERIODS, st.integers(0, 10**6 - 1))),
}


def test_every_builder_of_a_key_is_put_to_the_test() -> None:
    named = {name for name in vars(keys) if name.endswith("_key") and not name.startswith("read_")}
    builders = {name.removesuffix("_key") for name in named}
    sort_keys = {name.removesuffix("_sort") for name in builders if name.endswith("_sort")}

    assert {name for name in builders if not name.endswith("_sort")} | sort_keys == set(BUILDERS)


@st.composite
def named_things(draw: st.DrawFn) -> tuple[tuple[Any, ...], keys.Key]:
    kind = draw(st.sampled_from(sorted(BUILDERS)))
    build, strategies = BUILDERS[kind]
    arguments = tuple(draw(strategy) for strategy in strategies)
    told = tuple(
        (argument.key, argument.ends_at) if isinstance(argument, Period) else argument
        for argument in arguments
    )
    return (kind, *told), build(*arguments)


@settings(max_examples=examples(250))
@given(one=named_things(), other=named_things())
def test_two_things_have_the_same_key_only_if_they_are_the_same(
    one: tuple[tuple[Any, ...], keys.Key], other: tuple[tuple[Any, ...], keys.Key]
) -> None:
    assert (one[0] == other[0]) == (one[1] == other[1])


@settings(max_examples=examples(250))
@given(parts=st.lists(TRICKY, min_size=4, max_size=4), data=st.data())
def test_moving_a_character_from_one_part_to_the_next_makes_another_key(
    parts: list[str], data: st.DataObject
) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=3, max_size=3)))
    moved = [text[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]

    def counter(tenant: str, budget: str, subject: str, period: str) -> keys.Key:
        return keys.counter_key(tenant, budget, Subject("agent", subject), period)

    same = moved == parts
    assert (counter(*moved) == counter(*parts)) == same


SHARDS = st.integers(0, keys.BUDGET_SHARDS - 1)


@settings(max_examples=examples(150))
@given(one=st.tuples(PARTS, PARTS, SHARDS), other=st.tuples(PARTS, PARTS, SHARDS))
def test_two_budgets_never_share_a_partition_of_an_index(
    one: tuple[str, str, int], other: tuple[str, str, int]
) -> None:
    assert (keys.budget_ref(*one) == keys.budget_ref(*other)) == (one == other)


LOOK_ALIKES = [
    "caf\u00e9",  # composed
    "cafe\u0301",  # decomposed: the same to the eye
    "caf\u0435",  # with a Cyrillic letter
    "cafe",
    "cafe\u200b",  # with a space of no width
    "CAFE",
    "\uff43\uff41\uff46\uff45",  # full width
    " cafe",
    "cafe ",
]


def test_ids_that_look_alike_are_different_ids() -> None:
    """Nothing is normalised: an id is what a caller wrote, and a look-alike is somebody else."""
    subjects = [make_subject("agent", text) for text in LOOK_ALIKES]

    assert [subject.id for subject in subjects] == LOOK_ALIKES
    assert len({keys.policy_key("acme", subject) for subject in subjects}) == len(LOOK_ALIKES)


@given(parts=st.lists(PARTS, min_size=1, max_size=5))
def test_the_parts_of_a_partition_are_read_as_they_were_written(parts: list[str]) -> None:
    written = keys.once_key(parts[0], parts[-1], parts[len(parts) // 2])[0]

    assert keys.parts_of(written) == (
        "TENANT", parts[0], "ONCE", parts[-1], parts[len(parts) // 2]
    )  # fmt: skip


@given(part=TRICKY, other=st.sampled_from(["#", "%", "%23", "%25"]), tenant=PARTS)
def test_an_id_that_is_written_like_an_escaped_one_is_another(
    part: str, other: str, tenant: str
) -> None:
    for written, instead in (("#", "%23"), ("%", "%25"), ("%23", "#"), ("%25", "%")):
        one, look_alike = part + other, (part + other).replace(written, instead)
        same = one == look_alike
        assert (
            keys.reservation_key(tenant, one) == keys.reservation_key(tenant, look_alike)
        ) == same


@given(one=PARTS, other=PARTS, last=PARTS)
def test_a_separator_within_an_id_does_not_move_the_border_between_two(
    one: str, other: str, last: str
) -> None:
    tenant_reaches_out = keys.reservation_key(f"{one}#RESERVATION#{other}", last)
    assert tenant_reaches_out != keys.reservation_key(one, f"{other}#RESERVATION#{last}")
    operation_reaches_out = keys.once_key("acme", f"{one}#{other}", last)
    assert operation_reaches_out != keys.once_key("acme", one, f"{other}#{last}")


@given(tenant=PARTS, other=PARTS, subject=SUBJECTS)
def test_no_id_addresses_the_partition_of_another_tenant(
    tenant: str, other: str, subject: Subject
) -> None:
    """Whatever is put into an id, the tenant's part of the key stays the tenant's."""
    partitions = [
        keys.policy_key(tenant, subject)[0],
        keys.reservation_key(tenant, other)[0],
        keys.counter_partition(tenant, other, subject),
    ]
    escaped = keys.reservation_key(tenant, "")[0].split("#")[1]
    assert all(partition.split("#")[1] == escaped for partition in partitions)


@given(tenant=PARTS, budget=PARTS, subject=SUBJECTS)
def test_whose_a_counter_is_can_be_read_from_its_partition(
    tenant: str, budget: str, subject: Subject
) -> None:
    has_an_id = subject.id == "*" or (subject.id and "*" not in subject.id)
    if has_an_id and subject.id.isprintable():
        partition = keys.counter_partition(tenant, budget, subject)
        assert keys.read_counter_partition(partition) == (tenant, budget, subject)


@given(
    one=st.tuples(st.integers(0, 10**14), st.integers(0, 10**6)),
    other=st.tuples(st.integers(0, 10**14), st.integers(0, 10**6)),
)
def test_ledger_items_sort_by_the_time_of_their_writing(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    first, second = (keys.ledger_sort_key(at, f"{batch:026d}") for at, batch in (one, other))
    assert (first < second) == (one < other)
