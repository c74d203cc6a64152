"""What the bus answers, and what of it may pass."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from spendgate_service.events.bus import BusEntry, EventBus


class Client:
    """Answers or raises what a test says, call by call; takes what nothing is said about."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[list[dict[str, Any]]] = []

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        self.calls.append(arguments["Entries"])
        answer = self.answers.pop(0) if self.answers else {"FailedEntryCount": 0}
        if isinstance(answer, Exception):
            raise answer
        parsed: dict[str, Any] = answer
        return parsed


def entries(count: int) -> list[BusEntry]:
    return [
        BusEntry("spendgate", "budget.exhausted", "{}", 1_000 + number) for number in range(count)
    ]


def failed(*codes: str | None) -> dict[str, Any]:
    answers = [{"ErrorCode": code, "ErrorMessage": "no"} if code else {} for code in codes]
    return {"FailedEntryCount": len(list(filter(None, codes))), "Entries": answers}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutEvents")


def test_an_event_is_put_on_the_named_bus_with_the_time_at_which_it_happened() -> None:
    client = Client()

    assert EventBus(client, "bus").put(entries(1)) == [None]

    assert client.calls == [
        [
            {
                "EventBusName": "bus",
                "Source": "spendgate",
                "DetailType": "budget.exhausted",
                "Detail": "{}",
                "Time": 1,
            }
        ]
    ]


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        ("MalformedDetail", True),
        ("InvalidArgument", True),
        ("ThrottlingException", False),
        ("InternalFailure", False),
        ("AccessDeniedException", False),
    ],
)
def test_an_event_is_refused_for_good_only_for_what_is_wrong_with_itself(
    code: str, is_final: bool
) -> None:
    first, second = EventBus(Client(failed(None, code)), "bus").put(entries(2))

    assert first is None
    assert second is not None and (second.code, second.is_final) == (code, is_final)


@pytest.mark.parametrize(
    "error", [refused("ThrottlingException"), ReadTimeoutError(endpoint_url="http://events.test")]
)
def test_a_call_that_fails_refuses_all_of_its_events_for_now(error: Exception) -> None:
    refusals = EventBus(Client(error), "bus").put(entries(3))

    assert [refusal is not None and not refusal.is_final for refusal in refusals] == [True] * 3


def test_of_a_call_that_is_malformed_each_event_is_tried_by_itself() -> None:
    client = Client(refused("ValidationException"), {"FailedEntryCount": 0},
                    refused("ValidationException"))  # fmt: skip

    first, second = EventBus(client, "bus").put(entries(2))

    assert first is None
    assert second is not None and second.is_final
    assert [len(call) for call in client.calls] == [2, 1, 1]


def test_nothing_to_tell_is_no_call() -> None:
    client = Client()

    assert EventBus(client, "bus").put([]) == []

    assert client.calls == []
