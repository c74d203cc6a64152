"""`notifications ...`: list, create, test, rotate and delete targets of notifications."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spendgate.cli.options import SET_UP, Out, Yes, command, confirm, group
from spendgate.cli.printing import Column, Output, fields_of, print_object, print_rows
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import models

NotificationId = Annotated[
    str, typer.Argument(help="The id of a notification.", metavar="NOTIFICATION")
]

COLUMNS = (
    Column("id", lambda target: target.id),
    Column("format", lambda target: target.format),
    Column("host", lambda target: target.host),
    Column("url_last4", lambda target: target.url_last4),
    Column("event_types", lambda target: ", ".join(target.event_types), wraps=True),
    Column("subject_prefix", lambda target: target.subject_prefix),
    Column("last_delivery", lambda target: target.last_delivery.state),
    Column("reason", lambda target: target.last_delivery.reason, wraps=True),
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    targets = group("Send messages about events to chats and webhooks.")
    app.add_typer(targets, name="notifications", rich_help_panel=SET_UP)
    command(targets, "list", example="spendgate notifications list")(list_all)
    command(
        targets,
        "create",
        example="spendgate notifications create --format slack --url - --event budget.exhausted",
    )(create)
    command(targets, "test", example="spendgate notifications test ntf_123")(send_test)
    command(targets, "rotate", example="spendgate notifications rotate ntf_123")(rotate)
    command(targets, "delete", example="spendgate notifications delete ntf_123")(delete)


def list_all(output: Out = Output.TEXT) -> None:
    """List the targets, with how their last delivery went; without URLs and secrets."""
    with session.client() as client:
        rows = list(client.notifications.list())
    print_rows(rows, COLUMNS, output, empty="There is no notification.")


def create(
    *,
    target_format: Annotated[str, typer.Option("--format", help="slack, teams or webhook.")],
    url: Annotated[
        str, typer.Option("--url", help="Where to post; - reads it from the standard input.")
    ],
    events: Annotated[
        list[str], typer.Option("--event", help="A type of event, such as budget.exhausted.")
    ],
    subject_prefix: Annotated[
        str | None, typer.Option("--subject-prefix", help="Only subjects that begin so: agent:")
    ] = None,
    output: Out = Output.TEXT,
) -> None:
    """Create a target. The secret of a webhook is shown once; a URL is never shown again."""
    body: Any = {
        "format": target_format,
        "url": sys.stdin.readline().strip() if url == "-" else url,
        "event_types": events,
        "subject_prefix": subject_prefix,
    }
    with session.client() as client:
        _print(client.notifications.create(**body), output)


def send_test(notification: NotificationId, *, output: Out = Output.TEXT) -> None:
    """Send a test message; `list` says a moment later how it went."""
    with session.client() as client:
        _print(client.notifications.test(notification), output)


def rotate(notification: NotificationId, *, output: Out = Output.TEXT) -> None:
    """Give a webhook a new secret, shown once; the old one signs beside it for 24 hours."""
    with session.client() as client:
        _print(client.notifications.rotate(notification), output)


def delete(notification: NotificationId, *, yes: Yes = False, output: Out = Output.TEXT) -> None:
    """Delete a target; messages that wait for it are dropped."""
    confirm(f"Delete {notification}?", yes=yes)
    with session.client() as client:
        _print(client.notifications.delete(notification), output)


def _print(target: models.Notification, output: Output) -> None:
    fields = fields_of(target, COLUMNS)
    if target.secret is not None:
        fields["secret"] = target.secret
    print_object(target, fields, output)
