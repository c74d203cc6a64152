"""Checks of what was deployed: settings that the emulator may ignore and AWS must have."""

from tests.aws.checks import Unanswered, check, expect
from tests.aws.stack import Stack

_IGNORED = "the emulator's CloudFormation ignores this setting"


@check("the authorizer's time to live is the parameter's number")
def authorizer_ttl(stack: Stack) -> str:
    (authorizer,) = stack.aws("apigatewayv2").get_authorizers(ApiId=stack.physical_ids["Api"])[
        "Items"
    ]
    seconds = authorizer["AuthorizerResultTtlInSeconds"]
    expect(seconds == int(stack.parameters["AuthorizerCacheSeconds"]), f"{seconds} s")
    return f"{seconds} s, by {authorizer['IdentitySource']}"


@check("every function runs a published version behind its alias")
def aliases(stack: Stack) -> str:
    versions = {
        short: stack.aws("lambda").get_alias(FunctionName=name, Name="live")["FunctionVersion"]
        for short, name in stack.functions.items()
    }
    expect(all(version.isdigit() for version in versions.values()), str(versions))
    return ", ".join(f"{short} {version}" for short, version in versions.items())


@check("the published versions have the deployed layers and parameters")
def versions_are_current(stack: Stack) -> str:
    client = stack.aws("lambda")
    for name in stack.functions.values():
        live, latest = (
            client.get_function_configuration(FunctionName=name, Qualifier=qualifier)
            for qualifier in ("live", "$LATEST")
        )
        expect(live["Environment"] == latest["Environment"], f"{name}: another environment")
        layers = [
            [layer["Arn"] for layer in version.get("Layers", [])] for version in (live, latest)
        ]
        expect(layers[0] == layers[1], f"{name}: layers {layers}")
    return f"{len(stack.functions)} functions"


@check("the table is protected, encrypted, streamed and billed on demand")
def table(stack: Stack) -> str:
    protected = str(stack.table["DeletionProtectionEnabled"]).lower()  # a string in the emulator
    expect(protected == stack.parameters["TableDeletionProtection"], f"protection {protected}")
    expect(stack.table["StreamSpecification"]["StreamViewType"] == "NEW_AND_OLD_IMAGES", "stream")
    expect(stack.table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST", "billing")
    return f"{stack.table['TableStatus']}, {len(stack.table['GlobalSecondaryIndexes'])} indexes"


@check("expired items are deleted by DynamoDB's time to live", emulator=_IGNORED)
def time_to_live(stack: Stack) -> str:
    described = stack.aws("dynamodb").describe_time_to_live(TableName=stack.table["TableName"])
    settings = described["TimeToLiveDescription"]
    expect(settings["TimeToLiveStatus"] == "ENABLED", str(settings))
    return f"by {settings['AttributeName']}"


@check("the table can be restored to a moment", emulator=_IGNORED)
def recovery(stack: Stack) -> str:
    described = stack.aws("dynamodb").describe_continuous_backups(
        TableName=stack.table["TableName"]
    )["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    expect(described["PointInTimeRecoveryStatus"] == "ENABLED", str(described))
    return f"since {described.get('EarliestRestorableDateTime', 'now')}"


@check("a restored table has the items and indexes", emulator="a restore takes AWS to prove")
def restore(stack: Stack) -> str:
    client, name = stack.aws("dynamodb"), stack.table["TableName"]
    restored = [listed for listed in _tables(stack) if listed.startswith(f"{name}-restored")]
    if not restored:
        raise Unanswered(f"restore into {name}-restored as docs/deploy.md says, then check again")
    table = client.describe_table(TableName=restored[0])["Table"]
    names = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    expect(names == {"due", "by_budget", "open_holds"}, str(names))
    return f"{restored[0]}: {table['ItemCount']} items"


def _tables(stack: Stack) -> list[str]:
    pages = stack.aws("dynamodb").get_paginator("list_tables").paginate()
    return [name for page in pages for name in page["TableNames"]]


@check("no write was throttled by an index in the last day", emulator="the emulator has no limits")
def index_back_pressure(stack: Stack) -> str:
    throttled = {
        index: stack.sum_of_day(
            "AWS/DynamoDB",
            "WriteThrottleEvents",
            TableName=stack.table["TableName"],
            GlobalSecondaryIndexName=index,
        )
        for index in ("due", "by_budget", "open_holds")
    }
    expect(not any(throttled.values()), f"throttled writes {throttled}")
    return "none; run it again after a load test"


@check("the account has concurrency for the functions", emulator="it has no account limit")
def concurrency(stack: Stack) -> str:
    limit = stack.aws("lambda").get_account_settings()["AccountLimit"]
    available = limit["UnreservedConcurrentExecutions"]
    expect(available >= 100, f"{available} of {limit['ConcurrentExecutions']}: request more")
    return f"{available} of {limit['ConcurrentExecutions']}"


@check("the queues refuse a sender without TLS and keep messages for 14 days")
def queues(stack: Stack) -> str:
    for output in ("SettlementQueueUrl", "DeadLetterQueueUrl", "UndeliveredEventsUrl"):
        attributes = stack.aws("sqs").get_queue_attributes(
            QueueUrl=stack.outputs[output], AttributeNames=["All"]
        )["Attributes"]
        expect("aws:SecureTransport" in attributes["Policy"], f"{output}: {attributes['Policy']}")
        expect(attributes["MessageRetentionPeriod"] == "1209600", f"{output}: retention")
    return "three queues"
