"""What the template promises about events: from the table's stream to the bus, and by mail."""

import re
from typing import Any

from spendgate_service.wire.events import DETAILS
from tests.support.engines import parameter_of, properties_of, template


def _source_of_events() -> dict[str, Any]:
    source: dict[str, Any] = properties_of("PublishFunction")["Events"]["Changes"]["Properties"]
    return source


def test_an_event_waits_in_a_queue_long_before_the_stream_forgets_it() -> None:
    source = _source_of_events()
    a_day = 24 * 3600

    assert parameter_of("EventRetrySeconds")["MaxValue"] < source["MaximumRecordAgeInSeconds"]
    assert source["MaximumRecordAgeInSeconds"] <= a_day // 4
    assert source["MaximumRetryAttempts"] == -1
    assert source["DestinationConfig"] == {"OnFailure": {"Destination": "UndeliveredEvents.Arn"}}
    assert properties_of("UndeliveredEvents")["MessageRetentionPeriod"] == 14 * a_day


def test_events_are_read_from_the_first_on_and_a_broken_one_holds_up_no_other_for_long() -> None:
    source = _source_of_events()

    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert len(source["FilterCriteria"]["Filters"]) <= 5, "AWS takes no more without asking"


def test_eventbridge_may_publish_to_the_topic_without_saying_for_whom() -> None:
    """It names no account and no rule to SNS and KMS: a condition would stop every mail."""
    (publishing,) = properties_of("EventTopicPolicy")["PolicyDocument"]["Statement"]
    of_key = properties_of("EventTopicKey")["KeyPolicy"]["Statement"]
    (encrypting,) = [allowing for allowing in of_key if "Service" in allowing["Principal"]]

    assert properties_of("EventTopic")["KmsMasterKeyId"][-1] == "EventTopicKey"
    assert publishing["Action"] == "sns:Publish"
    assert set(encrypting["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    for statement in (publishing, encrypting):
        assert statement["Principal"] == {"Service": "events.amazonaws.com"}
        assert "Condition" not in statement


def test_the_rule_takes_our_events_alone() -> None:
    assert properties_of("EventRule")["EventPattern"]["source"] == ["spendgate"]


def test_what_a_target_does_not_take_waits_with_the_other_undelivered_events() -> None:
    statement = properties_of("UndeliveredEventsPolicy")["PolicyDocument"]["Statement"][-1]

    for rule in ("EventRule", "NotificationRule"):
        (target,) = properties_of(rule)["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
    assert template()["Resources"]["EventRule"]["Condition"] == "EmailsEvents"
    assert "Condition" not in template()["Resources"]["NotificationRule"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == "UndeliveredEvents.Arn"
    by_mail = ["EmailsEvents", "EventRule.Arn", "AWS::NoValue"]
    rules = {"aws:SourceArn": ["NotificationRule.Arn", by_mail]}
    assert statement["Condition"] == {"ArnEquals": rules}


def test_no_mail_of_events_is_sent_and_no_key_is_paid_for_without_an_address() -> None:
    resources = template()["Resources"]
    conditions = {name: resource.get("Condition") for name, resource in resources.items()}

    assert parameter_of("EventEmail")["Default"] == ""
    assert {name for name, condition in conditions.items() if condition == "EmailsEvents"} == {
        "EventTopic",
        "EventTopicPolicy",
        "EventRule",
        "EventMailSubscription",
    }
    assert conditions["EventTopicKey"] == "MakesTopicKey"


def test_every_type_of_event_is_told_unless_a_choice_is_made() -> None:
    types = [part.strip() for part in parameter_of("EventTypes")["Default"].split(",")]

    assert types == list(DETAILS)


def test_no_other_type_of_event_can_be_chosen() -> None:
    """CloudFormation matches the pattern with each value of a list, as a whole."""
    pattern = parameter_of("EventTypes")["AllowedPattern"]

    assert all(re.fullmatch(pattern, event_type) for event_type in DETAILS)
    for wrong in ("", "*", "budget.exhaust", "budget.exhausted.", "budget"):
        assert not re.fullmatch(pattern, wrong)
