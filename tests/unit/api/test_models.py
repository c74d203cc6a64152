"""What the bodies mean once they were read."""

import json
from decimal import Decimal

import pytest

from spendgate.api.json_body import read_object
from spendgate.api.models.administration import (
    CreateBudgetBody,
    CreateKeyBody,
    CreateTenantBody,
    PatchBudgetBody,
    PatchTenantBody,
)
from spendgate.api.models.fields import Body
from spendgate.api.models.messages import command_of, read_message
from spendgate.api.models.spending import (
    ExtendBody,
    RecordBody,
    ReserveBody,
    SettleBody,
    subjects_in_query,
)
from spendgate.api.principal import Principal
from spendgate.api.validation import read_model
from spendgate.domain.errors import InvalidValue
from spendgate.domain.periods import CalendarPeriod, NoPeriod
from spendgate.domain.requests import Record, Release, Settle
from spendgate.domain.reservations import Provenance
from spendgate.domain.subjects import Subject
from spendgate.domain.tenants import Tenant

NOW_MS = 1_772_366_400_250
CALLER = Principal("acme", "key_1", "caller")


def read[M: Body](model: type[M], text: str) -> M:
    return read_model(model, read_object(text))


class NoTenants:
    """Nobody has settings of their own."""

    def tenant(self, tenant_id: str) -> Tenant:
        return Tenant(tenant_id)


def refused_param[M: Body](model: type[M], text: str) -> str | None:
    with pytest.raises(InvalidValue) as refused:
        read(model, text)
    return refused.value.param


@pytest.mark.parametrize("written", ["0.1", '"0.1"', "0.100", "1e-1", '"0.100000000"'])
def test_an_amount_is_exact_however_it_is_written(written: str) -> None:
    body = read(ReserveBody, f'{{"amounts": {{"usd": {written}}}}}')

    assert body.amounts == {"usd": 100_000_000}


def test_the_largest_amount_loses_no_digit() -> None:
    body = read(ReserveBody, '{"amounts": {"usd": 999999999999999999.999999999}}')

    assert body.amounts == {"usd": 10**27 - 1}


def test_a_float_that_comes_past_the_parser_is_no_amount() -> None:
    with pytest.raises(InvalidValue, match="decimal number"):
        read_model(ReserveBody, {"amounts": {"usd": 0.1}})


def test_a_request_is_made_for_the_tenant_and_key_of_the_credential() -> None:
    body = read(ReserveBody, '{"amounts": {"usd": 1}, "subjects": {"agent": "a", "tool": "x:y"}}')

    request = body.to_request(CALLER, amounts=body.amounts, idempotency_key="k")

    assert request.tenant_id == "acme"
    assert request.subjects == (
        Subject("organization", "acme"),
        Subject("api_key", "key_1"),
        Subject("agent", "a"),
        Subject("tool", "x:y"),
    )
    assert (request.ttl_seconds, request.idempotency_key) == (300, "k")


def test_metadata_keeps_its_shape_and_its_numbers_become_plain() -> None:
    body = read(
        ReserveBody, '{"amounts":{"usd":1},"metadata":{"a":[1.5,{"b":2,"c":null}],"d":true}}'
    )

    assert body.metadata == {"a": [1.5, {"b": 2, "c": None}], "d": True}
    assert not isinstance(body.metadata["a"][0], Decimal)  # type: ignore[index]


def test_a_settlement_may_say_nothing_and_then_costs_the_estimate() -> None:
    body = read(SettleBody, "{}")

    settle = body.to_settle(tenant_id="acme", reservation_id="rsv_1", actual=body.named_amounts())

    assert settle == Settle("acme", "rsv_1", {}, Provenance())


def test_a_settlement_says_where_its_number_comes_from() -> None:
    body = read(
        SettleBody,
        '{"actual":{"usd":"0.031"},"meter_source":"gateway","ref_type":"gen","ref_id":"g-1",'
        '"description":"first draft"}',
    )

    assert body.to_provenance() == Provenance("gateway", "gen", "g-1", "first draft")


def test_actual_and_usage_together_are_refused() -> None:
    usage = '{"provider":"openai","model":"gpt-4o","input_tokens":1}'

    assert refused_param(SettleBody, f'{{"actual":{{"usd":1}},"usage":{usage}}}') == "body"


@pytest.mark.parametrize("text", ["{}", '{"actual":{}}', '{"actual":null}'])
def test_a_record_says_what_was_spent(text: str) -> None:
    assert refused_param(RecordBody, text) == "body"


def test_an_extension_says_for_how_long() -> None:
    assert read(ExtendBody, '{"ttl_seconds": 60}').ttl_seconds == 60
    assert refused_param(ExtendBody, "{}") == "body.ttl_seconds"


@pytest.mark.parametrize("field", ["meter_source", "ref_type", "ref_id", "description"])
def test_every_text_has_a_limit(field: str) -> None:
    assert refused_param(SettleBody, json.dumps({field: "x" * 501})) == f"body.{field}"
    assert refused_param(SettleBody, json.dumps({field: ""})) == f"body.{field}"


def test_a_budget_is_built_from_its_body() -> None:
    body = read(
        CreateBudgetBody,
        '{"subject":"agent:*","unit":"usd","limit":"10","warn_at_pct":[90,50,90],'
        '"period":{"type":"calendar","unit":"day","timezone":"Europe/Paris"},'
        '"name":"Agents","metadata":{"team":"x"}}',
    )

    budget = body.to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    assert budget.subject == Subject("agent", "*")
    assert budget.limit == 10 * 10**9
    assert budget.period == CalendarPeriod("day", "Europe/Paris")
    assert budget.warn_at_pct == (50, 90)
    assert (budget.name, budget.metadata) == ("Agents", {"team": "x"})
    assert budget.created_at_ms == budget.updated_at_ms == NOW_MS


def test_a_budget_without_a_period_is_a_balance_that_warns_at_80_per_cent() -> None:
    body = read(CreateBudgetBody, '{"subject":"session:s:1","unit":"tokens","limit":0}')

    budget = body.to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    assert (budget.period, budget.warn_at_pct) == (NoPeriod(), (80,))
    assert budget.subject == Subject("session", "s:1")


def test_a_budget_on_another_organization_is_refused() -> None:
    body = read(CreateBudgetBody, '{"subject":"organization:other","unit":"usd","limit":1}')

    with pytest.raises(InvalidValue) as refused:
        body.to_subject(tenant_id="acme")

    assert refused.value.param == "body.subject"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"subject": "agent"}, "body.subject"),
        ({"subject": "Agent:a"}, "body.subject"),
        ({"unit": "US Dollar"}, "body.unit"),
        ({"limit": "-1"}, "body.limit"),
        ({"warn_at_pct": [0]}, "body.warn_at_pct.0"),
        ({"warn_at_pct": [80, 101]}, "body.warn_at_pct.1"),
        ({"warn_at_pct": 80}, "body.warn_at_pct"),
        ({"period": {}}, "body.period"),
        ({"period": {"type": "rolling", "seconds": 60}}, "body.period"),
        ({"period": {"type": "calendar"}}, "body.period.unit"),
        ({"period": {"type": "calendar", "unit": "minute"}}, "body.period.unit"),
        (
            {"period": {"type": "calendar", "unit": "day", "timezone": "Mars/Base"}},
            "body.period.timezone",
        ),
        (
            {"period": {"type": "calendar", "unit": "day", "timezone": "../../etc"}},
            "body.period.timezone",
        ),
        ({"period": {"type": "none", "unit": "day"}}, "body.period.unit"),
        ({"metadata": {"a": "x" * 5000}}, "body.metadata"),
        ({"metadata": {"a": 1}}, "body.metadata.a"),
        ({"mode": "shadow"}, "body.mode"),
    ],
)
def test_a_bad_budget_is_refused_by_field(change: dict[str, object], param: str) -> None:
    body = {"subject": "agent:a", "unit": "usd", "limit": 1, **change}

    assert refused_param(CreateBudgetBody, json.dumps(body)) == param


def test_a_patch_changes_only_what_it_names() -> None:
    before = read(
        CreateBudgetBody, '{"subject":"agent:a","unit":"usd","limit":1,"name":"A"}'
    ).to_budget(tenant_id="acme", budget_id="bud_1", now_ms=NOW_MS)

    after = read(PatchBudgetBody, '{"limit":"2.5"}').applied_to(before, now_ms=NOW_MS + 1)
    unnamed = read(PatchBudgetBody, '{"name":null}').applied_to(before, now_ms=NOW_MS + 1)

    assert (after.limit, after.name, after.updated_at_ms) == (2_500_000_000, "A", NOW_MS + 1)
    assert (unnamed.limit, unnamed.name) == (before.limit, None)


def test_a_patch_that_changes_nothing_is_refused() -> None:
    assert refused_param(PatchBudgetBody, "{}") == "body"
    assert refused_param(PatchTenantBody, "{}") == "body"


def test_nobody_makes_an_operator_key_over_http() -> None:
    assert read(CreateKeyBody, '{"role":"reader"}').role == "reader"
    assert refused_param(CreateKeyBody, '{"role":"operator"}') == "body.role"


@pytest.mark.parametrize("tenant_id", ["-", "", "a#b", "a b", "é", "x" * 65, ".a"])
def test_a_tenant_id_is_a_plain_name(tenant_id: str) -> None:
    text = json.dumps({"tenant_id": tenant_id})

    assert refused_param(CreateTenantBody, text) == "body.tenant_id"


def test_a_tenants_settings_are_patched() -> None:
    tenant = read(CreateTenantBody, '{"tenant_id":"acme"}').to_tenant(now_ms=NOW_MS)

    after = read(PatchTenantBody, '{"require_budget":true,"unpriced_model":"allow"}').applied_to(
        tenant, now_ms=NOW_MS + 1
    )

    assert (tenant.require_budget, tenant.unpriced_model) == (False, "reject")
    assert (after.require_budget, after.unpriced_model) == (True, "allow")


def test_messages_become_commands() -> None:
    settle = read_message(
        '{"version":1,"type":"settle","tenant_id":"acme","reservation_id":"rsv_1",'
        '"actual":{"usd":"0.031"},"ref_type":"llm_generation","ref_id":"gen-1"}'
    )
    release = read_message(
        '{"version":1,"type":"release","tenant_id":"acme","reservation_id":"rsv_1"}'
    )
    record = read_message(
        '{"version":1,"type":"record","tenant_id":"acme","event_id":"evt-7",'
        '"subjects":{"agent":"a"},"actual":{"tokens":900}}'
    )

    assert command_of(settle, NoTenants(), now_ms=NOW_MS) == Settle(
        "acme", "rsv_1", {"usd": 31_000_000}, Provenance(ref_type="llm_generation", ref_id="gen-1")
    )
    assert command_of(release, NoTenants(), now_ms=NOW_MS) == Release("acme", "rsv_1")
    recorded = command_of(record, NoTenants(), now_ms=NOW_MS)
    assert isinstance(recorded, Record)
    assert recorded.idempotency_key == "evt-7"
    assert recorded.subjects == (Subject("organization", "acme"), Subject("agent", "a"))


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"version": 2, "type": "release"}, "body.version"),
        ({"version": 1, "type": "refund"}, "body"),
        ({"version": 1}, "body"),
        ({"version": 1, "type": "release", "tenant_id": "-"}, "body.tenant_id"),
        ({"version": 1, "type": "release", "tenant_id": "acme"}, "body.reservation_id"),
        ({"version": 1, "type": "record", "tenant_id": "a", "actual": {"usd": 1}}, "body.event_id"),
    ],
)
def test_a_bad_message_is_refused_by_field(message: dict[str, object], param: str) -> None:
    full = {"reservation_id": "rsv_1"} if param == "body.tenant_id" else {}
    if param == "body.version":
        full = {"tenant_id": "acme", "reservation_id": "rsv_1"}

    with pytest.raises(InvalidValue) as refused:
        read_message(json.dumps({**full, **message}))

    assert refused.value.param == param


def test_the_subjects_of_a_query_are_those_of_a_body() -> None:
    assert subjects_in_query({"agent": "a"}, CALLER) == (
        Subject("organization", "acme"),
        Subject("api_key", "key_1"),
        Subject("agent", "a"),
    )


@pytest.mark.parametrize("name", ["organization", "Agent", "agent"])
def test_a_bad_subject_in_a_query_is_refused_by_its_parameter(name: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        subjects_in_query({name: "*"}, CALLER)

    assert refused.value.param == f"query.{name}"
