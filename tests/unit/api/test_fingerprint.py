"""A replay and a conflict are told apart by what was asked for, not by how it was written."""

import pytest

from spendgate_service.api.bodies.messages import RecordMessage, read_message
from spendgate_service.api.bodies.reserving import ReserveBody
from spendgate_service.api.bodies.settling import RecordBody
from spendgate_service.api.fingerprint import fingerprint
from spendgate_service.api.json_body import read_object
from spendgate_service.api.validation import read_model
from spendgate_service.pricing.priced_amounts import PricedAmounts


def of(text: str, operation: str = "reserve", target: str = "") -> str:
    return fingerprint(operation, read_model(ReserveBody, read_object(text)), target=target)


PLAIN = '{"amounts":{"usd":"0.05","tokens":1},"subjects":{"agent":"a","tool":"t"}}'


@pytest.mark.parametrize(
    "same",
    [
        '{"amounts":{"usd":0.050,"tokens":1},"subjects":{"agent":"a","tool":"t"}}',
        '{"subjects":{"tool":"t","agent":"a"},"amounts":{"tokens":"1.0","usd":5e-2}}',
        (
            '{"amounts":{"usd":"0.05","tokens":1},"subjects":{"agent":"a","tool":"t"},'
            '"ttl_seconds":300,"metadata":{},"usage":null}'
        ),
    ],
)
def test_the_same_request_written_differently_has_the_same_fingerprint(same: str) -> None:
    assert of(same) == of(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        '{"amounts":{"usd":"0.051","tokens":1},"subjects":{"agent":"a","tool":"t"}}',
        '{"amounts":{"usd":"0.05","tokens":1},"subjects":{"agent":"b","tool":"t"}}',
        '{"amounts":{"usd":"0.05","tokens":1},"subjects":{"agent":"a"}}',
        '{"amounts":{"usd":"0.05","tokens":1},"subjects":{"agent":"a","tool":"t"},"ttl_seconds":9}',
        (
            '{"amounts":{"usd":"0.05","tokens":1},"subjects":{"agent":"a","tool":"t"},'
            '"metadata":{"a":1}}'
        ),
    ],
)
def test_another_request_has_another_fingerprint(other: str) -> None:
    assert of(other) != of(PLAIN)


def test_the_operation_and_its_target_are_part_of_the_request() -> None:
    assert of(PLAIN, "check") != of(PLAIN)
    assert of(PLAIN, target="rsv_1") != of(PLAIN, target="rsv_2")


def test_a_record_has_the_same_fingerprint_by_queue_and_by_http() -> None:
    inner = '"subjects":{"agent":"a"},"actual":{"usd":1}'
    body = read_model(RecordBody, read_object(f"{{{inner}}}"))
    message = read_message(
        f'{{"version":1,"type":"record","tenant_id":"acme","event_id":"e",{inner}}}'
    )
    assert isinstance(message, RecordMessage)

    by_http = body.to_record(
        tenant_id="acme", key_id="key_1", priced=PricedAmounts({"usd": 1}), idempotency_key="e"
    )
    by_queue = message.to_record(
        tenant_id="acme", key_id=None, priced=PricedAmounts({"usd": 1}), idempotency_key="e"
    )

    assert by_http.fingerprint == by_queue.fingerprint


class LaterReserveBody(ReserveBody):
    mode: str = "enforce"


def test_a_field_that_comes_with_a_later_version_does_not_change_old_fingerprints() -> None:
    later = read_model(LaterReserveBody, read_object(PLAIN))

    assert fingerprint("reserve", later) == of(PLAIN)
