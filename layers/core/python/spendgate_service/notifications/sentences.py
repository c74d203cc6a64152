"""An event as a colleague would say it, and where in the console it leads.

Texts that others have chosen (ids, names, reasons) are quoted and cut here; a format escapes the
whole sentence for its chat. `tests/golden/sentences.txt` has a sentence of each kind.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from spendgate_service.notifications.wording import (
    SHOWN_ID_MAX,
    When,
    amount_text,
    amounts_text,
    id_text,
    quoted,
    subject_text,
)

type Event = Mapping[str, Any]
"""The detail of an event, as the bus has it."""

TEST_EVENT = "notification.test"

_LENGTH_MAX = 1000
"""Slack refuses a block of more than 3,000 characters, escaped and with its link."""

_SUBJECT_LENGTH_MAX = 300
"""A link to a longer subject leads to its budget only."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """What happened, and the address in the console that shows it; empty: none."""

    text: str
    place: str


def sentence_of(event: Event) -> Sentence:
    """Write an event as a sentence; one of a type that is not known here names its type."""
    say = _SENTENCES.get(event["type"])
    text = f"{event['type']} has happened" if say is None else say(event)
    return Sentence(text[:_LENGTH_MAX], _place(event))


def subjects_of(event: Event) -> list[str]:
    """Return the subjects that an event is about, as type:id."""
    about = event.get("request", event)
    if "subject" in about:
        return [about["subject"]]
    lines = event.get("reservation", {}).get("lines", ())
    named = event.get("reservation", {}).get("subjects", {})
    return [line["subject"] for line in lines] + [f"{kind}:{name}" for kind, name in named.items()]


def _place(event: Event) -> str:
    if "request" in event:
        return f"#/requests/{quote(event['request']['id'], safe='')}"
    if "budget_id" not in event:
        return ""
    place = f"#/budgets/{quote(event['budget_id'], safe='')}"
    subject = quote(event["balance"]["subject"], safe="") if event.get("balance") else ""
    return f"{place}?subject={subject}" if 0 < len(subject) <= _SUBJECT_LENGTH_MAX else place


@dataclass(frozen=True, slots=True)
class _Balance:
    """The balance of an event, in words."""

    event: Event

    @property
    def shown(self) -> Mapping[str, Any]:
        return dict(self.event["balance"])

    @property
    def who(self) -> str:
        return subject_text(self.shown["subject"])

    @property
    def when(self) -> When:
        return When.at(self.event["occurred_at"], self.shown["period"]["key"])

    @property
    def whole(self) -> str:
        """What may be spent, and in which period: `50 usd for November`."""
        parts = (self.shown[name] for name in ("limit", "credits", "carried_in"))
        entitlement = amount_text(sum(map(Decimal, parts), Decimal()), self.shown["unit"])
        return entitlement + self.when.period_text(self.shown["period"])

    @property
    def named(self) -> str:
        """The budget's name in brackets, if it has one."""
        name = self.shown["name"]
        return f" ({quoted(name, length_max=SHOWN_ID_MAX)})" if name else ""

    def amount(self, name: str) -> str:
        return amount_text(self.shown[name], self.shown["unit"])

    @property
    def outlook(self) -> str:
        """When nothing is left at this pace, if that is before the period's end."""
        forecast = self.shown["forecast"]
        reached = forecast and forecast["limit_reached_at"]
        if not reached or Decimal(self.shown["available"]) <= 0:
            return ""
        return f"; at this pace it runs out {self.when.text(reached)}"

    @property
    def end(self) -> str:
        """When the budget starts anew."""
        resets_at = self.shown["resets_at"]
        return f"; it starts anew {self.when.text(resets_at)}" if resets_at else ""


def _threshold_reached(event: Event) -> str:
    balance, threshold = _Balance(event), event["threshold"]
    if threshold["type"] == "soft_limit":
        soft_limit = amount_text(threshold["amount"], balance.shown["unit"])
        return (
            f"{balance.who} has spent {balance.amount('spent')} and reached its soft limit of "
            f"{soft_limit}, of {balance.whole}{balance.named}{balance.outlook}"
        )
    percent = int(balance.shown["utilization_pct"])
    return (
        f"{balance.who} has used {percent} % of its {balance.whole}{balance.named}{balance.outlook}"
    )


def _exhausted(event: Event) -> str:
    balance = _Balance(event)
    over = Decimal(balance.shown["overrun"])
    more = f" and {balance.amount('overrun')} more" if over > 0 else ""
    return f"{balance.who} has used up its {balance.whole}{more}{balance.named}{balance.end}"


def _paused(event: Event) -> str:
    if event["by"] == "soft_limit":
        balance = _Balance(event)
        return (
            f"{balance.who} is paused: it has spent {balance.amount('spent')} and reached its soft "
            f"limit of {balance.amount('soft_limit')}{balance.named}"
        )
    return f"an admin has paused {_budget_text(event)}"


def _resumed(event: Event) -> str:
    return f"an admin has resumed {_budget_text(event)}"


def _budget_text(event: Event) -> str:
    if event["balance"] is None:
        return f"the budget of {subject_text(event['subject'])}"
    balance = _Balance(event)
    return f"the budget of {balance.who}: {balance.whole}{balance.named}"


def _period_closed(event: Event) -> str:
    balance, statement = _Balance(event), event["statement"]
    corrected = "corrected: " if statement["revision"] > 1 else ""
    unit = balance.shown["unit"]
    left = Decimal(statement["unused"])
    rest = f"{amount_text(left, unit)} is left" if left > 0 else "nothing is left"
    if Decimal(statement["overrun"]) > 0:
        rest = f"that is {amount_text(statement['overrun'], unit)} too much"
    carried = Decimal(statement["carried_out"])
    carry = f", and {amount_text(carried, unit)} is carried over" if carried else ""
    spent = amount_text(statement["spent"], unit)
    return f"{corrected}{balance.who} has spent {spent} of its {balance.whole}; {rest}{carry}"


def _changed(event: Event) -> str:
    change = event["change"]
    fields = {field["field"]: field for field in change["changes"]}
    who = _author(change)
    budget = f"the budget of {subject_text(event['subject'])}"
    reason = f" (reason: {quoted(change['reason'])})" if change["reason"] else ""
    return f"{who} has {_deed(change['action'], budget, fields)}{reason}"


def _author(change: Mapping[str, Any]) -> str:
    if change["actor"]:
        return id_text(change["actor"])
    if change["key_name"]:
        return f"the key {id_text(change['key_name'])}"
    return f"the {change['role']}"


def _deed(action: str, budget: str, fields: Mapping[str, Mapping[str, Any]]) -> str:
    verb = action.partition(".")[2]
    if verb == "credited":
        unit = str(fields["unit"]["to"])
        amount = Decimal(str(fields["credit"]["to"]))
        if amount < 0:
            return f"taken {amount_text(-amount, unit)} from {budget}"
        return f"added {amount_text(amount, unit)} to {budget}"
    if verb == "created":
        limit = amount_text(str(fields["limit"]["to"]), str(fields["unit"]["to"]))
        return f"created {budget}, with a limit of {limit}"
    if verb == "changed" and "limit" in fields:
        change = fields["limit"]
        return f"changed the limit of {budget} from {change['from']} to {change['to']}"
    if verb == "changed":
        names = ", ".join(name.replace("_", " ") for name in list(fields)[:5])
        return f"changed {budget}: {names}"
    return f"{verb} {budget}"


def _request_opened(event: Event) -> str:
    request = event["request"]
    asked = f"{_request_text(request, request['amount'], request['until'], event)}"
    return f"{subject_text(request['subject'])} asks for {asked}: {quoted(request['reason'])}"


def _request_approved(event: Event) -> str:
    request, decision = event["request"], event["request"]["decision"]
    credit = _request_text(request, decision["amount"], decision["until"], event)
    who = subject_text(request["subject"])
    return f"{_decider(decision)} has given {who} {credit}{_note(decision)}"


def _request_denied(event: Event) -> str:
    request, decision = event["request"], event["request"]["decision"]
    amount = amount_text(request["amount"], request["unit"])
    who = subject_text(request["subject"])
    return f"{_decider(decision)} has denied {who} {amount} more{_note(decision)}"


def _request_expired(event: Event) -> str:
    request = event["request"]
    amount = amount_text(request["amount"], request["unit"])
    who = subject_text(request["subject"])
    return f"the request of {who} for {amount} more has expired without a decision"


def _request_text(request: Mapping[str, Any], amount: str, until: str | None, event: Event) -> str:
    """Write how much more, and until when: `20 usd more until Thursday`."""
    text = f"{amount_text(amount, request['unit'])} more"
    end = "" if until is None else When.at(event["occurred_at"]).text(until)
    return f"{text} until {end.removeprefix('on ')}" if end else text


def _decider(decision: Mapping[str, Any]) -> str:
    name = decision["key_name"]
    return f"the key {id_text(name)}" if name else "an approver"


def _note(decision: Mapping[str, Any]) -> str:
    return f": {quoted(decision['note'])}" if decision["note"] else ""


def _reservation_expired(event: Event) -> str:
    held = amounts_text(event["uncaptured"])
    return (
        f"{_spenders(event['reservation'])} never settled a hold of {held}; what it has spent of "
        "that is not counted"
    )


def _reservation_overrun(event: Event) -> str:
    reservation = event["reservation"]
    actual, estimate = reservation["actual"], reservation["amounts"]
    return (
        f"a call of {_spenders(reservation)} has cost {amounts_text(actual)}, more than the "
        f"{amounts_text(estimate)} that it had reserved"
    )


def _spenders(reservation: Mapping[str, Any]) -> str:
    named = reservation["subjects"]
    kind = next((kind for kind in ("agent", "user", "app", "session") if kind in named), None)
    if kind is None:
        kind = next(iter(named), None)
    return "a caller" if kind is None else subject_text(f"{kind}:{named[kind]}")


def _test(_event: Event) -> str:
    return "this is a test: messages of Spendgate arrive here"


_SENTENCES: Mapping[str, Callable[[Event], str]] = {
    "budget.threshold_reached": _threshold_reached,
    "budget.exhausted": _exhausted,
    "budget.paused": _paused,
    "budget.resumed": _resumed,
    "budget.period_closed": _period_closed,
    "budget.changed": _changed,
    "reservation.expired": _reservation_expired,
    "reservation.overrun": _reservation_overrun,
    "request.opened": _request_opened,
    "request.approved": _request_approved,
    "request.denied": _request_denied,
    "request.expired": _request_expired,
    TEST_EVENT: _test,
}
