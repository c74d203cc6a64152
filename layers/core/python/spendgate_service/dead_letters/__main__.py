"""List, show and redrive dead-lettered messages.

Settlements that were not applied; with --events, events that were not published; or, with
--notifications, notifications that were not delivered:

python -m spendgate_service.dead_letters list [--events | --notifications] [--code CODE]
    [--reason TEXT] [--json]
python -m spendgate_service.dead_letters show ID [--events | --notifications] [--json]
python -m spendgate_service.dead_letters redrive [--events | --notifications] (--all |
    --code CODE | --reason TEXT | --id ID)
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from spendgate_service.dead_letters.redrive import (
    DeadLetter,
    MessageFilter,
    Send,
    opened,
    send_back,
    to_queue,
)
from spendgate_service.events.bus import EventBus
from spendgate_service.events.redrive import to_bus
from spendgate_service.store.messaging import EventsClient, SqsClient, StreamsClient
from spendgate_service.terminal import printable

LETTERS_MAX = 1000
"""How many messages are read by default; they are held in memory."""

_NO_CODE = "-"
_NO_REASON = "moved by AWS after its last try; see the log of settle, publish or notify"
_COLUMNS = ("MESSAGE", "DEAD-LETTERED", "CODE", "TENANT", "TYPE", "REASON")
_REASON_LENGTH_MAX = 120


@dataclass(frozen=True, slots=True)
class Queues:
    """The URLs of a stack's queues, and the name of its event bus."""

    dead_letters: str
    settlements: str
    undelivered_events: str
    event_bus: str
    undelivered_notifications: str
    notifications: str

    def dead_letter(self, options: argparse.Namespace) -> str:
        """Return the dead-letter queue of events, of notifications, or of settlements."""
        if options.events:
            return self.undelivered_events
        return self.undelivered_notifications if options.notifications else self.dead_letters

    def source(self, options: argparse.Namespace) -> str:
        """Return the queue that notifications or settlements came from."""
        return self.notifications if options.notifications else self.settlements


def list_letters(client: SqsClient, queues: Queues, options: argparse.Namespace) -> int:
    """List the chosen messages, one per line."""
    chosen_by = _filter(options)
    with opened(client, queues.dead_letter(options), letters_max=options.max) as letters:
        chosen = list(filter(chosen_by.matches, letters))
    if options.json:
        _say_json([_described(letter) for letter in chosen])
    elif chosen:
        _say_table([_COLUMNS, *map(_row, chosen)])
    else:
        _say("no message matches" if letters else "the dead-letter queue is empty")
    _warn_of_more(len(letters), options)
    return 0


def show_letter(client: SqsClient, queues: Queues, options: argparse.Namespace) -> int:
    """Show one message in full; the exit status is 1 if it is not found."""
    chosen_by = _filter(options)
    with opened(client, queues.dead_letter(options), letters_max=options.max) as letters:
        chosen = list(filter(chosen_by.matches, letters))
    if not chosen:
        sys.stderr.write(f"no message {printable(options.id)} among the {len(letters)} read\n")
        _warn_of_more(len(letters), options)
        return 1
    for letter in chosen:
        if options.json:
            _say_json(_described(letter))
        else:
            for name, value in _described(letter).items():
                _say(f"{name + ':':<18} {printable(str(value))}")
    return 0


def redrive(
    client: SqsClient, queues: Queues, options: argparse.Namespace, *, send: Send | None = None
) -> int:
    """Send the chosen messages back; the exit status is 1 if any is refused once more.

    They go to the queue that they came from, unless `send` is given.
    """
    done: list[str] = []

    def sent(letter: DeadLetter) -> None:
        done.append(letter.message_id)
        if not options.json:
            _say(f"sent back {letter.message_id} ({letter.text('code') or _NO_CODE})")

    with opened(client, queues.dead_letter(options), letters_max=options.max) as letters:
        refused = send_back(
            client, letters, _filter(options),
            from_url=queues.dead_letter(options),
            send=send or to_queue(client, queues.source(options)),
            sent=sent,
        )  # fmt: skip
        left = len(letters)
    read_count = len(done) + left
    for letter, why in refused:
        sys.stderr.write(f"{letter.message_id} stays: {printable(str(why))}\n")
    if options.json:
        _say_json({"redriven": done, "left": left, "may_be_more": read_count >= options.max})
    else:
        _say(f"{len(done)} sent back, {left} left of the {read_count} that were read")
    _warn_of_more(read_count, options)
    return 1 if refused else 0


def _warn_of_more(read_count: int, options: argparse.Namespace) -> None:
    if read_count >= options.max:
        sys.stderr.write(f"only {read_count} messages were read; there may be more: see --max\n")


def _filter(options: argparse.Namespace) -> MessageFilter:
    return MessageFilter(code=options.code, reason=options.reason, message_id=options.id)


def _described(letter: DeadLetter) -> dict[str, str | None]:
    return {
        "message_id": letter.message_id,
        "source_message_id": letter.text("source_message_id"),
        "dead_lettered_at": _time(letter),
        "code": letter.text("code"),
        "reason": letter.text("reason") or _NO_REASON,
        "tenant_id": letter.field("tenant_id"),
        "type": letter.field("type"),
        "body": letter.body,
    }


def _row(letter: DeadLetter) -> tuple[str, ...]:
    described = _described(letter)
    names = ("message_id", "dead_lettered_at", "code", "tenant_id", "type")
    reason = printable(described["reason"] or "")
    if len(reason) > _REASON_LENGTH_MAX:
        reason = reason[: _REASON_LENGTH_MAX - 3] + "..."
    return (*(printable(described[name] or _NO_CODE) for name in names), reason)


def _time(letter: DeadLetter) -> str:
    moment = datetime.fromtimestamp(letter.dead_lettered_at_ms // 1000, UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _say_json(value: object) -> None:
    _say(json.dumps(value, indent=2))


def _say_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        _say("  ".join(cells).rstrip())


def command_line() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m spendgate_service.dead_letters",
        description=(__doc__ or "").partition("\n")[0],
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--stack", default="spendgate", help="the stack's name (spendgate)")
    which_queue = common.add_mutually_exclusive_group()
    which_queue.add_argument("--events", action="store_true", help="events, not settlements")
    which_queue.add_argument(
        "--notifications", action="store_true", help="notifications, not settlements"
    )
    common.add_argument("--json", action="store_true", help="print JSON")
    common.add_argument("--max", type=int, default=LETTERS_MAX, help="messages to read (1000)")
    commands = parser.add_subparsers(required=True, metavar="list|show|redrive")

    listing = commands.add_parser("list", parents=[common], help=list_letters.__doc__)
    listing.add_argument("--code", help="only messages with this code")
    listing.add_argument("--reason", help="only messages whose reason contains this text")
    listing.set_defaults(run=list_letters, id=None)

    showing = commands.add_parser("show", parents=[common], help=show_letter.__doc__)
    showing.add_argument("id", help="its id here, or its id in the settlement queue")
    showing.set_defaults(run=show_letter, code=None, reason=None)

    redriving = commands.add_parser("redrive", parents=[common], help=redrive.__doc__)
    which = redriving.add_mutually_exclusive_group(required=True)
    which.add_argument("--all", action="store_true", help="all messages")
    which.add_argument("--code", help="messages with this code")
    which.add_argument("--reason", help="messages whose reason contains this text")
    which.add_argument("--id", help="the message with this id")
    redriving.set_defaults(run=redrive)
    return parser


def queues_of(cloudformation: Any, stack: str) -> Queues:
    """Read the queues from a stack's outputs."""
    described = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    return Queues(
        dead_letters=outputs["DeadLetterQueueUrl"],
        settlements=outputs["SettlementQueueUrl"],
        undelivered_events=outputs["UndeliveredEventsUrl"],
        event_bus=outputs["EventBusName"],
        undelivered_notifications=outputs["UndeliveredNotificationsUrl"],
        notifications=outputs["NotificationQueueUrl"],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command against a stack. Returns the exit status."""
    options = command_line().parse_args(arguments)
    import boto3  # noqa: PLC0415 (after the arguments: --help needs none of it)
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        queues = queues_of(boto3.client("cloudformation"), options.stack)
        send = {}
        if options.run is redrive and options.events:
            bus = EventBus(cast("EventsClient", boto3.client("events")), queues.event_bus)
            send["send"] = to_bus(bus, cast("StreamsClient", boto3.client("dynamodbstreams")))
        status: int = options.run(boto3.client("sqs"), queues, options, **send)
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
