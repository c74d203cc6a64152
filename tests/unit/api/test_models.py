"""What the bodies mean once they were read."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from spendgate_service.api.bodies.messages import command_of, read_message
from spendgate_service.api.bodies.reserving import ReserveBody, subjects_in_query
from spendgate_service.api.bodies.settling import ExtendBody, RecordBody, SettleBody
from spendgate_service.api.principal import Principal
from spendgate_service.api.validation import read_model
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.requests import Record, Release, Settle
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.priced_amounts import PricedAmounts
from tests.support.api_requests import read, refused_param

NOW_MS = 1_772_366_400_250
CALLER = Principal("acme", "key_1", "caller")


class NoTenants:
    """Nobody has settings of their own, and `ghost` was never created."""

    def tenant(self, tenant_id: str) -> Tenant:
        return Tenant(tenant_id, created_at_ms=0 if tenant_id == "ghost" else 1)


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

    request = body.to_request(CALLER, priced=PricedAmounts(body.amounts), idempotency_key="k")

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

    settle = body.to_settle(
        tenant_id="acme", reservation_id="rsv_1", priced=PricedAmounts(body.named_amounts())
    )

    assert replace(settle, fingerprint=None) == Settle("acme", "rsv_1", {}, Provenance())


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


def test_an_extension_says_for_how_long_or_how_much() -> None:
    assert read(ExtendBody, '{"ttl_seconds": 60}').ttl_seconds == 60
    assert read(ExtendBody, '{"amounts": {"usd": 1}}').ttl_seconds is None
    assert refused_param(ExtendBody, "{}") == "body"


@pytest.mark.parametrize("field", ["meter_source", "ref_type", "ref_id", "description"])
def test_every_text_has_a_limit(field: str) -> None:
    assert refused_param(SettleBody, json.dumps({field: "x" * 501})) == f"body.{field}"
    assert refused_param(SettleBody, json.dumps({field: ""})) == f"body.{field}"


def test_the_same_settlement_has_the_same_fingerprint_over_http_and_from_the_queue() -> None:
    body = '"actual":{"usd":"0.0310"},"ref_id":"gen-1"'
    message = read_message(
        f'{{"version":1,"type":"settle","tenant_id":"acme","reservation_id":"rsv_1",{body}}}'
    )
    over_http = read(SettleBody, f"{{{body}}}").to_settle(
        tenant_id="acme", reservation_id="rsv_1", priced=PricedAmounts({})
    )
    queued = command_of(message, NoTenants(), now_ms=NOW_MS, sent_at_ms=NOW_MS)

    assert isinstance(queued, Settle)
    assert queued.fingerprint == over_http.fingerprint is not None


def test_spend_of_a_tenant_that_nobody_created_is_not_lost_in_silence() -> None:
    record = read_message(
        '{"version":1,"type":"record","tenant_id":"ghost","event_id":"e","actual":{"usd":1}}'
    )

    command = command_of(record, NoTenants(), now_ms=NOW_MS, sent_at_ms=NOW_MS)

    assert isinstance(command, Record)
    assert isinstance(command.problem, NotFound)
    assert "tenant ghost" in str(command.problem)


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

    settled = command_of(settle, NoTenants(), now_ms=NOW_MS, sent_at_ms=NOW_MS)
    assert isinstance(settled, Settle)
    assert replace(settled, fingerprint=None) == Settle(
        "acme", "rsv_1", {"usd": 31_000_000}, Provenance(ref_type="llm_generation", ref_id="gen-1")
    )
    assert command_of(release, NoTenants(), now_ms=NOW_MS, sent_at_ms=NOW_MS) == Release(
        "acme", "rsv_1"
    )
    recorded = command_of(record, NoTenants(), now_ms=NOW_MS, sent_at_ms=NOW_MS)
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
