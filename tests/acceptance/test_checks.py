"""A check foretells what a reservation of the same body is answered, by the same rules."""

from tests.acceptance.service import Party


def test_a_default_that_was_resumed_is_resumed_for_a_check_as_soon_as_for_a_reservation(
    acme: Party, agent: Party
) -> None:
    default = acme.budget("agent:*", 10)
    acme.switch(default, "pause")
    assert agent.check(1)["action"] == "pause"

    acme.switch(default, "resume")

    assert agent.check(1)["action"] == "continue"
    assert agent.try_reserve(1).status == 201
