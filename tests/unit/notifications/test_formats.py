"""Posts as Slack, Teams and webhooks take them; no text of others is a link or a mention."""

import json
from dataclasses import replace

import pytest

from spendgate_service.domain.notifications import Format, Notification, OlderSecret
from spendgate_service.notifications.formats import Post, post_of, signature
from spendgate_service.notifications.sentences import Event
from tests.unit.notifications.examples import EXAMPLES, NASTY, change, event, reached

CONSOLE = "https://spendgate.example.com/console"
NOW_MS = 1_614_265_330_000
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def target(target_format: Format, secret: str | None = None) -> Notification:
    return Notification(
        "ntf_1", target_format, "https://example.com/a", ("budget.exhausted",), None, secret, 0, 0
    )


def post(of: Notification, *events: Event, console_url: str = CONSOLE) -> Post:
    return post_of(of, events, console_url=console_url, now_ms=NOW_MS)


def test_slack_gets_a_block_for_each_sentence_with_a_link_to_the_console() -> None:
    body = json.loads(post(target("slack"), reached(), event("notification.test")).body)

    first, second = (block["text"] for block in body["blocks"])
    link = f"{CONSOLE}#/budgets/bud_01kjq6sv50h2qsq17y9d99yj01?subject=agent%3Aresearcher"
    said = "agent researcher has used 80 % of its 50 usd for November"
    assert first == {"type": "mrkdwn", "text": f"{said} <{link}|Open>", "verbatim": True}
    assert second["text"].startswith("this is a test")
    assert body["text"].splitlines()[0] == said


def test_no_text_that_others_chose_is_a_mention_or_a_link_in_slack() -> None:
    nasty = change("budget.changed", ("limit", "1", "2"), actor=NASTY, reason=NASTY)
    body = json.loads(post(target("slack"), nasty, console_url="").body)

    for text in (body["text"], *(block["text"]["text"] for block in body["blocks"])):
        assert "<" not in text and ">" not in text
        assert "&lt;!channel&gt;" in text
        assert "&amp;" in text


@pytest.mark.parametrize("shown", EXAMPLES, ids=lambda shown: shown["type"])
def test_every_post_fits_what_the_chats_accept(shown: Event) -> None:
    """Slack: 3,000 characters in a block. Teams: 28 KB in a message."""
    slack = json.loads(post(target("slack"), shown).body)
    teams = post(target("teams"), *[shown] * 20)

    assert all(len(block["text"]["text"]) < 3000 for block in slack["blocks"])
    assert len(teams.body) < 28_000


def test_teams_gets_a_card_whose_texts_know_no_markdown() -> None:
    body = json.loads(post(target("teams"), reached(name=NASTY)).body)

    (attachment,) = body["attachments"]
    assert body["type"] == "message"
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    (block,) = attachment["content"]["body"]
    assert block["type"] == "RichTextBlock"
    text, link = block["inlines"]
    assert (text["type"], link["selectAction"]["type"]) == ("TextRun", "Action.OpenUrl")
    assert link["selectAction"]["url"].startswith(f"{CONSOLE}#/budgets/bud_")


def test_without_a_console_there_is_no_link() -> None:
    slack, teams = (
        post(target(target_format), reached(), console_url="").body.decode()
        for target_format in ("slack", "teams")
    )

    assert "|Open>" not in slack
    assert "OpenUrl" not in teams


def test_a_signature_is_the_one_of_the_published_example() -> None:
    """The example of Standard Webhooks' reference implementations."""
    signed = signature(
        SECRET,
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp="1614265330",
        body=b'{"test": 2432232314}',
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_gets_the_event_and_is_signed_by_every_secret_that_is_valid() -> None:
    older = "whsec_" + "A" * 44
    rotated = replace(
        target("webhook", SECRET),
        older_secrets=(OlderSecret(older, NOW_MS + 1), OlderSecret("whsec_BBBB", NOW_MS)),
    )
    shown = reached()

    sent = post(rotated, shown)

    about = {
        "message_id": shown["id"],
        "timestamp": sent.headers["webhook-timestamp"],
        "body": sent.body,
    }
    signatures = [signature(secret, **about) for secret in (SECRET, older)]
    assert sent.headers["webhook-id"] == shown["id"]
    assert sent.headers["webhook-timestamp"] == str(NOW_MS // 1000)
    assert sent.headers["webhook-signature"].split(" ") == signatures
    body = json.loads(sent.body)
    assert (body["type"], body["data"]) == (shown["type"], shown)
    assert body["text"].startswith("agent researcher has used 80 %")
    assert body["url"].startswith(CONSOLE)
