"""Subjects: `type:id`, compared character by character."""

import pytest

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.subjects import Subject, is_word, make_subject, parse_subject


def test_a_subject_is_read_up_to_its_first_colon() -> None:
    assert parse_subject("tool:search:web") == Subject("tool", "search:web")
    assert str(Subject("tool", "search:web")) == "tool:search:web"


def test_an_id_may_be_any_text_without_control_characters() -> None:
    for text in ("a", "#%/\\ ?", "\u00e9\U0001f600", " ", "x" * 256):
        assert make_subject("agent", text).id == text


def test_look_alikes_stay_distinct() -> None:
    assert make_subject("user", "e\u0301") != make_subject("user", "\u00e9")
    assert make_subject("user", "A") != make_subject("user", "a")


@pytest.mark.parametrize("text", ["agent", "", "agent;x"])
def test_a_subject_without_a_colon_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="type:id"):
        parse_subject(text)


@pytest.mark.parametrize("kind", ["", "Agent", "1st", "a-b", "a b", "\u00e9", "a" * 33, "agent\n"])
def test_a_type_that_is_no_lower_case_word_is_refused(kind: str) -> None:
    assert not is_word(kind)
    with pytest.raises(InvalidValue, match="lower-case word"):
        make_subject(kind, "x")


@pytest.mark.parametrize("subject_id", ["", "x" * 257])
def test_an_id_has_1_to_256_characters(subject_id: str) -> None:
    with pytest.raises(InvalidValue, match="1 to 256"):
        make_subject("agent", subject_id)


@pytest.mark.parametrize("character", ["\0", "\n", "\x1f", "\x7f", "\x85", "\x9f", "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused(character: str) -> None:
    with pytest.raises(InvalidValue, match="control characters"):
        make_subject("agent", f"a{character}b")


def test_a_default_stands_for_every_subject_of_its_type() -> None:
    assert Subject("agent", "a").default == Subject("agent", "*")
    assert Subject("agent", "*").is_default
    assert not Subject("agent", "a*").is_default


def test_refusals_stand_in_the_order_of_the_design_and_unknown_types_by_name() -> None:
    known = ("organization", "app", "app_channel", "user", "api_key", "agent", "session", "tool",
             "model")  # fmt: skip
    wanted = [*known, "alpha", "zebra"]
    subjects = [Subject(kind, "x") for kind in sorted(wanted)]

    assert [
        subject.type for subject in sorted(subjects, key=lambda subject: subject.refusal_rank)
    ] == wanted
