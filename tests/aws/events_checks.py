"""Checks of what happens by itself: the queue, the stream, the bus, the schedule, alarms, costs."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.aws.checks import Unanswered, check, expect
from tests.aws.stack import Stack, eventually


@check("a settlement by queue is counted")
def settle_by_queue(stack: Stack) -> str:
    subject = stack.budget("10")
    reservation = stack.reserve(subject, "2").json()["reservation_id"]
    message = {"version": 1, "type": "settle", "tenant_id": stack.tenant_id}
    started = time.monotonic()
    _send(stack, message | {"reservation_id": reservation, "actual": {"usd": "1.25"}})
    path = f"/v1/spend?agent={subject}"
    eventually(lambda: "1.25" in stack.send("GET", path, key=stack.caller).text)
    return f"after {time.monotonic() - started:.1f} s"


@check("a message that can never succeed is dead-lettered with its reason")
def dead_letter(stack: Stack) -> str:
    mark = uuid.uuid4().hex
    message = {"version": 1, "type": "settle", "tenant_id": stack.tenant_id}
    _send(stack, message | {"reservation_id": f"res_{mark}", "actual": {"usd": "1"}})
    letter = eventually(lambda: _taken(stack, stack.outputs["DeadLetterQueueUrl"], mark))
    code = str(letter["MessageAttributes"]["code"]["StringValue"])
    expect(code in {"not_found", "invalid_request"}, code)
    return code


def _send(stack: Stack, message: dict[str, Any]) -> None:
    stack.aws("sqs").send_message(
        QueueUrl=stack.outputs["SettlementQueueUrl"], MessageBody=json.dumps(message)
    )


def _taken(stack: Stack, queue_url: str, mark: str) -> dict[str, Any] | None:
    """Delete and return the message that contains the mark; leave all others."""
    sqs = stack.aws("sqs")
    messages = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
        VisibilityTimeout=1, MessageAttributeNames=["All"],
    ).get("Messages", [])  # fmt: skip
    for message in messages:
        if mark in message["Body"]:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            found: dict[str, Any] = message
            return found
    return None


@check("the stream's filters let an event pass to the bus, once")
def event_on_the_bus(stack: Stack) -> str:
    events, sqs = stack.aws("events"), stack.aws("sqs")
    name, bus = f"{stack.name}-check-{uuid.uuid4().hex[:8]}", stack.outputs["EventBusName"]
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage", "Resource": arn,
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_rule(Name=name, EventBusName=bus, EventPattern='{"source": ["spendgate"]}')
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    try:
        subject = stack.budget("1")
        started = time.monotonic()
        sent = {"subjects": {"agent": subject}, "actual": {"usd": "1"}}
        stack.done("POST", "/v1/spend", sent, key=stack.caller, idempotency_key=name)
        message = eventually(lambda: _taken(stack, url, subject))
        return (
            f"{json.loads(message['Body'])['detail-type']} after {time.monotonic() - started:.1f} s"
        )
    finally:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name=name, EventBusName=bus)
        sqs.delete_queue(QueueUrl=url)


@check("a notification reaches its receiver over HTTPS, and its failure is shown")
def notification(stack: Stack) -> str:
    """The receiver is the API itself: it has no such path, so the delivery fails with 404.

    An API that is slow to start may leave the first try without an answer; then a later one counts.
    """
    url = f"{stack.url}/v1/no-such-path/{uuid.uuid4().hex}"
    wish = {"format": "webhook", "url": url, "event_types": ["budget.exhausted"]}
    made = stack.done("POST", "/v1/notifications", wish, key=stack.admin)
    path, started = f"/v1/notifications/{made['id']}", time.monotonic()
    stack.done("POST", f"{path}/test", {}, key=stack.admin)

    def answered() -> dict[str, Any] | None:
        delivery: dict[str, Any] = stack.done("GET", path, key=stack.admin)["last_delivery"]
        is_waiting = delivery["state"] == "none" or "no answer" in str(delivery["reason"])
        return None if is_waiting else delivery

    try:
        delivery = eventually(answered)
        expect(delivery["state"] == "failing" and "404" in str(delivery["reason"]), str(delivery))
    finally:
        stack.done("DELETE", path, key=stack.admin)
    gone = stack.send("GET", path, key=stack.admin)
    expect(gone.status_code == 404, f"{gone.status_code} after it was deleted")
    return f"{delivery['reason']}, after {time.monotonic() - started:.1f} s; then deleted"


@check(
    "a held reservation that DynamoDB deletes becomes reservation.expired",
    emulator="the emulator's deletions carry no service identity in the stream",
)
def expired_by_time_to_live(stack: Stack) -> str:
    published = stack.sum_of_day(
        "Spendgate", "events_published", service="publish", stack=stack.name
    )
    if not published:
        raise Unanswered("DynamoDB deletes within two days: leave a reservation to expire and wait")
    return f"{published:.0f} events in a day; look for reservation.expired in the log of publish"


@check("the schedule starts the rollover every minute")
def schedule(stack: Stack) -> str:
    name = stack.physical_ids["RolloverFunctionEveryMinute"]
    state = stack.aws("scheduler").get_schedule(Name=name)
    expect(state["State"] == "ENABLED", state["State"])
    expect(state["ScheduleExpression"] == "rate(1 minute)", state["ScheduleExpression"])
    if stack.emulated:
        return "enabled; on AWS this check also counts the runs"
    runs = stack.sum_of_day("AWS/Lambda", "Invocations", FunctionName=stack.functions["rollover"])
    expect(runs > 0, "no run in the last day; wait ten minutes after the first deployment")
    return f"{runs:.0f} runs in a day"


@check("EventBridge publishes to the encrypted topic", emulator="the emulator checks no key policy")
def topic_with_key(stack: Stack) -> str:
    if "EventTopic" not in stack.physical_ids:
        raise Unanswered("the stack has no EventEmail")
    topic = stack.physical_ids["EventTopic"].rpartition(":")[2]
    published = stack.sum_of_day("AWS/SNS", "NumberOfMessagesPublished", TopicName=topic)
    expect(published > 0, "no event reached the topic; run the check of the bus, wait 10 minutes")
    return f"{published:.0f} events reached the topic"


@check("alarms exist, and none is in alarm")
def alarms(stack: Stack) -> str:
    if stack.parameters["Alarms"] != "true":
        raise Unanswered("the stack has Alarms=false")
    pages = stack.aws("cloudwatch").get_paginator("describe_alarms")
    found = [
        alarm
        for page in pages.paginate(AlarmNamePrefix=f"{stack.name}-", AlarmTypes=["MetricAlarm"])
        for alarm in page["MetricAlarms"]
    ]
    expect(len(found) >= 30, f"{len(found)} alarms")
    active = [alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"]
    expect(not active, f"in alarm: {active}")
    return f"{len(found)} alarms"


@check("an alarm that goes off notifies its topic", emulator="the emulator runs no metric math")
def alarm_goes_off(stack: Stack) -> str:
    if stack.parameters["Alarms"] != "true":
        raise Unanswered("the stack has Alarms=false")
    name, client = stack.physical_ids["RequestsSlow"], stack.aws("cloudwatch")
    client.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="tests.aws")

    def executed() -> list[str]:
        history = client.describe_alarm_history(AlarmName=name, HistoryItemType="Action")
        return [item["HistorySummary"] for item in history["AlarmHistoryItems"]]

    return eventually(executed)[0][:120]


@check("the filter of the gateway's own 429 matches its log", emulator="no such call")
def metric_filter(stack: Stack) -> str:
    lines = [
        '{"status":"429","integrationMs":"-"}',
        '{"status":"429","integrationMs":"12"}',
        '{"status":"200","integrationMs":"-"}',
    ]
    pattern = '{ ($.status = "429") && ($.integrationMs = "-") }'
    matches = stack.aws("logs").test_metric_filter(filterPattern=pattern, logEventMessages=lines)
    numbers = [match["eventNumber"] for match in matches["matches"]]
    expect(numbers == [1], f"matched lines {numbers}")
    return "matches the first of three lines"


@check("the access log has the tenant and the key of a request", emulator="no access log")
def access_log(stack: Stack) -> str:
    stack.done("GET", "/v1/me", key=stack.admin)
    pattern = f'{{ $.tenant = "{stack.tenant_id}" }}'

    def lines() -> list[str]:
        found = stack.aws("logs").filter_log_events(
            logGroupName=f"/aws/vendedlogs/{stack.name}/api", filterPattern=pattern
        )
        return [event["message"] for event in found["events"]]

    line = json.loads(eventually(lines)[0])
    expect(line["keyId"].startswith("key_"), str(line))
    return f"route {line['route']}, key {line['keyId'][:12]}..."


@check("Spendgate's metrics arrive with their dimensions", emulator="no metrics from logs")
def metrics(stack: Stack) -> str:
    granted = eventually(
        lambda: stack.sum_of_day("Spendgate", "granted", service="reserve", stack=stack.name),
        seconds=300,
    )
    return f"granted: {granted:.0f} in a day"


@check("a cold start stays below a second", emulator="processes of this machine, not Lambda's")
def cold_start(stack: Stack) -> str:
    slowest: dict[str, float] = {}
    for short in stack.functions:
        events = stack.aws("logs").filter_log_events(
            logGroupName=f"/{stack.name}/{short}", filterPattern='"initDurationMs"'
        )["events"]
        durations = [
            json.loads(event["message"]).get("record", {}).get("metrics", {}).get("initDurationMs")
            for event in events
            if event["message"].startswith("{")
        ]
        slowest |= {short: max([duration for duration in durations if duration], default=0.0)}
    if not any(slowest.values()):
        raise Unanswered("no report of a cold start in JSON; look for `Init Duration` in the logs")
    expect(max(slowest.values()) < 1000, str(slowest))
    return ", ".join(f"{short} {ms:.0f} ms" for short, ms in slowest.items())


@check("a trace of a function reaches X-Ray", emulator="the emulator keeps no traces")
def traces(stack: Stack) -> str:
    now = datetime.now(UTC)
    found = stack.aws("xray").get_trace_summaries(
        StartTime=now - timedelta(hours=6), EndTime=now,
        FilterExpression=f'service("{stack.functions["rollover"]}")',
    )["TraceSummaries"]  # fmt: skip
    expect(found, "no trace of the rollover in six hours")
    return f"{len(found)} traces of the rollover in six hours"


@check("the price of a day is that of docs/cost.md", emulator="the emulator sends no bill")
def price_of_a_day(stack: Stack) -> str:
    name = stack.table["TableName"]
    writes = stack.sum_of_day("AWS/DynamoDB", "ConsumedWriteCapacityUnits", TableName=name)
    requests = stack.sum_of_day("AWS/ApiGateway", "Count", ApiId=stack.physical_ids["Api"])
    return f"{requests:.0f} requests and {writes:.0f} write units in a day; compare with the bill"
