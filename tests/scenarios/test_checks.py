"""A check foretells what a reservation of the same body is answered, and is itself always a 200."""

import pytest

from tests.scenarios.service import RULES_SECONDS_MAX, Body, Party

USAGE = {"provider": "me", "model": "m", "input_tokens": 10, "max_output_tokens": 5}


def test_a_default_that_was_resumed_is_resumed_for_a_check_as_soon_as_for_a_reservation(
    acme: Party, agent: Party
) -> None:
    default = acme.budget("agent:*", 10)
    acme.switch(default, "pause")
    assert agent.check(1)["action"] == "pause"

    acme.switch(default, "resume")

    assert agent.check(1)["action"] == "continue"
    assert agent.try_reserve(1).status == 201


class TestWithoutABudgetThatRefuses:
    @pytest.fixture(autouse=True)
    def _rules(self, acme: Party) -> None:
        """A cap, a budget in euros, and a rate that has grown too old."""
        acme.done("PUT", "/v1/token-caps/agent/a", {"max_prompt_tokens": 9})
        acme.done("PUT", "/v1/rates/usd/eur", {"rate": "0.9", "max_age_seconds": 1})
        acme.budget("session:s", 10, "eur")
        acme.wait(RULES_SECONDS_MAX)

    @pytest.mark.parametrize(
        ("subject", "wish", "status", "code"),
        [
            ({"agent": "a"}, {"usage": USAGE, "amounts": {"usd": 1}}, 400, "token_cap_exceeded"),
            ({"agent": "b"}, {"usage": USAGE}, 422, "unknown_price"),
            ({"session": "s"}, {"amounts": {"usd": 1}}, 422, "unknown_rate"),
        ],
    )
    def test_a_check_says_stop_and_the_code_of_the_refusal(
        self, acme: Party, subject: dict[str, str], wish: Body, status: int, code: str
    ) -> None:
        asking = acme.on(**subject)

        answer, refused = asking.check(**wish), asking.try_reserve(**wish)

        assert (refused.status, refused.code) == (status, code)
        assert (answer["action"], answer["allowed"]) == ("stop", False)
        assert (answer["error_code"], answer["message"]) == (
            code,
            refused.body["error"]["message"],
        )
