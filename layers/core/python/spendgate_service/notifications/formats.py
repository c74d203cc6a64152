"""The body of a post: for Slack, for Teams, or a signed webhook.

A chat shows sentences. All of a sentence is escaped as its chat wants it, so that no text in it is
a link, a mention or a format. Slack: https://docs.slack.dev/messaging/formatting-message-text.
Teams: an Adaptive Card, whose text runs know no Markdown. Webhooks follow Standard Webhooks:
https://www.standardwebhooks.com.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spendgate_service.domain.notifications import Notification
from spendgate_service.notifications.sentences import TEST_EVENT, Event, Sentence, sentence_of
from spendgate_service.wire.values import json_text

_CARD = "application/vnd.microsoft.card.adaptive"
_SLACK_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(frozen=True, slots=True)
class Post:
    """The body of one POST, and the headers that belong to it."""

    body: bytes
    headers: Mapping[str, str]


def post_of(
    target: Notification, events: Sequence[Event], *, console_url: str, now_ms: int
) -> Post:
    """Build the post of events to a target; to a webhook each event is a post of its own."""
    match target.format:
        case "slack":
            return _post(_slack(list(map(sentence_of, events)), console_url))
        case "teams":
            return _post(_teams(list(map(sentence_of, events)), console_url))
        case "webhook":
            (event,) = events
            return _webhook(target, event, console_url, now_ms=now_ms)


def _slack(sentences: Sequence[Sentence], console_url: str) -> dict[str, object]:
    """One block per sentence; `text` is what a notification of the device shows."""
    lines = [_slack_line(sentence, console_url) for sentence in sentences]
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": line, "verbatim": True}}
        for line in lines
    ]
    text = "\n".join(_escaped_for_slack(sentence.text) for sentence in sentences)
    return {"text": text, "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _slack_line(sentence: Sentence, console_url: str) -> str:
    text = _escaped_for_slack(sentence.text)
    link = _link(sentence, console_url)
    return f"{text} <{link}|Open>" if link else text


def _escaped_for_slack(text: str) -> str:
    return text.translate(_SLACK_ESCAPES)


def _teams(sentences: Sequence[Sentence], console_url: str) -> dict[str, object]:
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": _CARD,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [_teams_line(sentence, console_url) for sentence in sentences],
                },
            }
        ],
    }


def _teams_line(sentence: Sentence, console_url: str) -> dict[str, object]:
    runs: list[dict[str, object]] = [{"type": "TextRun", "text": sentence.text}]
    link = _link(sentence, console_url)
    if link:
        action = {"type": "Action.OpenUrl", "url": link}
        runs.append({"type": "TextRun", "text": " Open", "underline": True, "selectAction": action})
    return {"type": "RichTextBlock", "inlines": runs}


def _webhook(target: Notification, event: Event, console_url: str, *, now_ms: int) -> Post:
    sentence = sentence_of(event)
    body = json_text(
        {
            "type": event["type"],
            "timestamp": event["occurred_at"],
            "text": sentence.text,
            "url": _link(sentence, console_url) or None,
            "data": {} if event["type"] == TEST_EVENT else event,
        }
    ).encode()
    timestamp = str(now_ms // 1000)
    signatures = (
        signature(secret, message_id=event["id"], timestamp=timestamp, body=body)
        for secret in target.secrets_at(now_ms)
    )
    return Post(
        body,
        {
            **_JSON,
            "webhook-id": event["id"],
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        },
    )


def signature(secret: str, *, message_id: str, timestamp: str, body: bytes) -> str:
    """Sign a message as Standard Webhooks says; the key is the secret after `whsec_`, decoded."""
    key = base64.b64decode(secret.partition("_")[2])
    signed = b".".join((message_id.encode(), timestamp.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


_JSON = {"content-type": "application/json"}


def _post(body: Mapping[str, object]) -> Post:
    return Post(json_text(body).encode(), _JSON)


def _link(sentence: Sentence, console_url: str) -> str:
    return f"{console_url}{sentence.place}" if console_url else ""
