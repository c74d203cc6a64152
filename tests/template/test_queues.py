"""What the template promises about queues: who may send, and how often a message is tried."""

import re

import pytest

from spendgate_service.api.handlers.notify import TIME_TO_STOP_MS
from spendgate_service.api.queue import RECEIVES_MAX
from spendgate_service.dead_letters.redelivery import BACKOFF_SECONDS
from spendgate_service.notifications.deliver import BACKOFF_SECONDS as TARGET_BACKOFF
from spendgate_service.notifications.deliver import (
    GIVE_UP_AFTER_MS,
    MORE_SECONDS_EACH,
    MORE_SECONDS_MAX,
    SENTENCES_MAX,
)
from spendgate_service.notifications.sending import SECONDS_MAX
from spendgate_service.settings import LOCAL_RECEIVERS
from tests.support.engines import parameter_of, properties_of, template
from tests.support.operation_costs import FULL_BATCH

_QUEUES = {
    "SettlementQueue", "DeadLetterQueue", "UndeliveredEvents", "NotificationQueue",
    "UndeliveredNotifications",
}  # fmt: skip


def test_a_settlement_in_work_is_hidden_for_six_times_as_long_as_its_function_may_run() -> None:
    timeout = properties_of("SettleFunction")["Timeout"]
    window = parameter_of("SettlementBatchingSeconds")["MaxValue"]

    assert properties_of("SettlementQueue")["VisibilityTimeout"] >= 6 * timeout + window


def test_a_settlement_that_fails_is_delivered_as_often_as_the_consumer_knows() -> None:
    redrive = properties_of("SettlementQueue")["RedrivePolicy"]

    assert redrive == {
        "deadLetterTargetArn": "DeadLetterQueue.Arn",
        "maxReceiveCount": RECEIVES_MAX,
    }
    assert RECEIVES_MAX * BACKOFF_SECONDS[-1] > 33 * 3600
    assert BACKOFF_SECONDS[-1] < properties_of("SettlementQueue")["VisibilityTimeout"]


@pytest.mark.parametrize("queue", ["DeadLetterQueue", "UndeliveredNotifications"])
def test_a_dead_letter_is_kept_for_two_weeks(queue: str) -> None:
    assert properties_of(queue)["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_every_event_goes_to_the_queue_of_notifications_and_nothing_else_does() -> None:
    rule = properties_of("NotificationRule")
    *_, allow = properties_of("NotificationQueuePolicy")["PolicyDocument"]["Statement"]

    assert rule["EventPattern"] == {"source": ["spendgate"]}
    assert [target["Arn"] for target in rule["Targets"]] == ["NotificationQueue.Arn"]
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": "NotificationRule.Arn"}}


def test_a_notification_is_tried_for_a_day_and_returns_before_its_first_minute_is_over() -> None:
    queue = properties_of("NotificationQueue")
    function = properties_of("NotifyFunction")
    source = function["Events"]["Notifications"]["Properties"]
    window = source["MaximumBatchingWindowInSeconds"]

    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"] + window
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BatchSize"] == SENTENCES_MAX
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == "UndeliveredNotifications.Arn"
    receives_max = queue["RedrivePolicy"]["maxReceiveCount"]
    assert receives_max * MORE_SECONDS_MAX * 1000 > GIVE_UP_AFTER_MS
    assert queue["MessageRetentionPeriod"] * 1000 > GIVE_UP_AFTER_MS
    assert TARGET_BACKOFF[0] + MORE_SECONDS_EACH + window < 60
    assert function["Timeout"] * 1000 > TIME_TO_STOP_MS + SECONDS_MAX * 1000


def test_no_function_may_call_this_machine_and_no_template_can_let_it() -> None:
    """Lambda's names of variables begin with a letter, so it refuses this one."""
    variables = [
        properties["Environment"]["Variables"]
        for properties in (
            template()["Globals"]["Function"],
            *(
                resource["Properties"]
                for resource in template()["Resources"].values()
                if resource["Type"] == "AWS::Serverless::Function"
            ),
        )
    ]

    assert not re.fullmatch("[a-zA-Z][a-zA-Z0-9_]+", LOCAL_RECEIVERS)
    assert len(variables) > 1
    assert not [names for names in variables if LOCAL_RECEIVERS in names]


def test_a_settlement_fails_alone_and_not_with_its_batch() -> None:
    source = properties_of("SettleFunction")["Events"]["Settlements"]["Properties"]

    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_a_batch_of_more_than_ten_has_the_window_without_which_lambda_refuses_it() -> None:
    source = properties_of("SettleFunction")["Events"]["Settlements"]["Properties"]
    window = parameter_of("SettlementBatchingSeconds")

    assert source["BatchSize"] == FULL_BATCH
    assert source["MaximumBatchingWindowInSeconds"] == "SettlementBatchingSeconds"
    assert 1 <= window["MinValue"] <= window["Default"]


def test_each_queue_has_a_policy_of_its_own_and_each_statement_one_resource() -> None:
    """SQS refuses a statement with several resources, and with it the whole deployment."""
    policies = [
        resource["Properties"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::SQS::QueuePolicy"
    ]

    assert {queue for policy in policies for queue in policy["Queues"]} == _QUEUES
    for policy in policies:
        (queue,) = policy["Queues"]
        statements = policy["PolicyDocument"]["Statement"]
        plain = [
            statement if isinstance(statement, dict) else statement[1] for statement in statements
        ]
        assert {statement["Resource"] for statement in plain} == {f"{queue}.Arn"}


def test_settlements_are_taken_from_named_senders_only_where_any_are_named() -> None:
    _, (condition, deny, _), *allowing = properties_of("SettlementQueuePolicy")["PolicyDocument"][
        "Statement"
    ]
    named = {"aws:PrincipalArn": "SettlementSenders"}

    assert condition == "RestrictsSenders"
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"ArnNotLike": named})
    assert [condition for condition, _, _ in allowing] == ["AdmitsAccounts", "AdmitsOrganization"]
    for statement in (deny, *(allow for _, allow, _ in allowing)):
        assert statement["Resource"] == "SettlementQueue.Arn"
        assert statement["Action"] == "sqs:SendMessage"
    assert parameter_of("SettlementSenders")["Default"] == ""


def test_another_account_is_let_in_by_its_number_or_its_organization() -> None:
    *_, (_, accounts, _), (_, organization, _) = properties_of("SettlementQueuePolicy")[
        "PolicyDocument"
    ]["Statement"]
    named = {"aws:PrincipalArn": "SettlementSenders"}

    assert accounts["Principal"] == {"AWS": "SettlementSenderAccounts"}
    assert accounts["Condition"] == {"ArnLike": named}
    assert organization["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "SettlementSenderOrganization"},
        "ArnLike": named,
    }
    for name in ("SettlementSenderAccounts", "SettlementSenderOrganization"):
        assert parameter_of(name)["Default"] == ""


@pytest.mark.parametrize(
    ("parameter", "allowed", "refused"),
    [
        (
            "SettlementSenders",
            ["", "arn:aws:iam::123456789012:role/app", "arn:aws-us-gov:iam::123456789012:user/a/*"],
            ["*", "arn:aws:iam::*:role/app", "arn:*", "arn:aws:iam::123456789012:root",
             "arn:aws:iam::12345678901?:role/app", "arn:aws:sts::123456789012:assumed-role/app/s"],
        ),
        ("SettlementSenderAccounts", ["", "123456789012"], ["*", "12345678901", "all"]),
        ("SettlementSenderOrganization", ["", "o-a1b2c3d4e5"], ["*", "o-*", "r-a1b2c3d4e5"]),
    ],
)  # fmt: skip
def test_no_sender_can_be_named_that_opens_the_queue_to_every_account(
    parameter: str, allowed: list[str], refused: list[str]
) -> None:
    """CloudFormation matches the pattern with each value of a list, as a whole."""
    pattern = parameter_of(parameter)["AllowedPattern"]

    assert [value for value in allowed if not re.fullmatch(pattern, value)] == []
    assert [value for value in refused if re.fullmatch(pattern, value)] == []
