"""Sentences of notifications, one of each kind, as a colleague would say them."""

import pytest

from spendgate_service.notifications.sentences import Event, sentence_of, subjects_of
from spendgate_service.wire.events import DETAILS
from tests.golden.sentences import sentences
from tests.support.engines import ROOT
from tests.unit.notifications.examples import EXAMPLES, NASTY, reached, reservation


def test_every_sentence_is_the_one_that_was_agreed_on() -> None:
    golden = (ROOT / "tests/golden/sentences.txt").read_text(encoding="utf-8")

    assert sentences() == golden, "python -m tests.golden.sentences > tests/golden/sentences.txt"


def test_every_type_of_event_has_a_sentence() -> None:
    unsaid = DETAILS.keys() - {event["type"] for event in EXAMPLES}

    assert not unsaid
    assert not [
        event["type"]
        for event in EXAMPLES
        if event["type"] in DETAILS and "has happened" in sentence_of(event).text
    ]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event["type"])
def test_a_sentence_is_one_short_line_without_control_characters(event: Event) -> None:
    sentence = sentence_of(event)

    assert sentence.text.isprintable()
    assert len(sentence.text) < 500
    assert len(sentence.place) < 400
    assert sentence.place.isascii()
    assert NASTY not in sentence.text


def test_a_link_to_a_subject_that_is_very_long_leads_to_its_budget() -> None:
    place = sentence_of(reached(subject="agent:" + "\U0001f600" * 256)).place

    assert place == "#/budgets/bud_01kjq6sv50h2qsq17y9d99yj01"


def test_an_event_is_about_its_subject_or_about_those_that_a_reservation_names() -> None:
    expired = reservation(
        "reservation.expired",
        {"session": "s"},
        lines=[{"subject": "organization:acme"}],
    )

    assert subjects_of(reached()) == ["agent:researcher"]
    assert subjects_of(expired) == ["organization:acme", "session:s"]
    assert subjects_of({"type": "budget.of_tomorrow"}) == []
