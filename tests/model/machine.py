"""The same random commands for the model and for the real service, and the same answers from both.

A failing run is shrunk to the shortest story that still fails, one command a line.
"""

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.model.comparing import (
    REPLACED,
    moment,
    on_wire,
    opening_on_wire,
    same_balances,
    same_books,
    seen,
    shown,
    subjects,
    wish,
)
from tests.model.leases import Leases
from tests.model.past import may_be_reported
from tests.model.stage import RATES, Known
from tests.model.state import Amounts, Opening, Rule, Spend, plain
from tests.model.time import Every
from tests.support.functions import HttpAnswer
from tests.support.strategies import (
    AGO,
    AMOUNT,
    AMOUNTS,
    CALLER,
    CREDIT,
    END,
    JUMP,
    LIMIT,
    MOMENTS,
    OPENING,
    PERIODS,
    TERMS,
    UNIT,
    WHEN,
    Terms,
)

BUDGETS_MAX = 6
USAGE_BEFORE_SECONDS = 36 * 86_400
"""Spend may be recorded so long after it occurred."""

WAIT_FOR_RULES_SECONDS = 6
"""A change to a default, or what is new, takes up to 5 s to be known everywhere."""

type Spent = tuple[str, Spend] | None
"""A recorded spend by its id and as the model knows it; None where it was refused."""


class Comparison(Leases):
    """Drives the service and the model; both are asked the same."""

    held = Leases.held
    budgets = Bundle("budgets")
    spends = Bundle("spends")

    def __init__(self) -> None:
        super().__init__()
        self.began_ms = self.clock.at_ms
        self.changes: Tally[str] = Tally()
        """How often admins did what leaves an entry of its own."""
        self.versions: dict[str, int] = {}
        """Of the policies, by their subject."""

    def teardown(self) -> None:
        try:
            self._same_snapshot({"agent": "b"})
            same_books(self.table, self.model)
            self._same_usage()
            self._same_changes()
        finally:
            self.leaving.close()

    @initialize(target=budgets, when=WHEN, terms=st.lists(TERMS, min_size=2, max_size=4))
    def begin(self, when: str, terms: list[Terms]) -> MultipleResults[Rule]:
        self._wait((MOMENTS[when] - self.clock.at_ms) / 1000)
        self.began_ms = self.clock.at_ms
        for (source, target), rate in RATES.items():
            self.party.done("PUT", f"/v1/rates/{source}/{target}", {"rate": plain(rate)})
        return multiple(*(self._create(each_terms) for each_terms in terms))

    # What admins do.

    @precondition(lambda self: len(self.model.rules) < BUDGETS_MAX)
    @rule(target=budgets, terms=TERMS)
    def create(self, terms: Terms) -> Rule:
        return self._create(terms)

    def _create(self, terms: Terms) -> Rule:
        soft_limit = terms.limit / 2 if terms.soft else None
        more = {"mode": "shadow"} if terms.shadow else {}
        if soft_limit is not None:
            more |= {"soft_limit": plain(soft_limit), "on_soft_limit": terms.soft}
        limit, period = plain(terms.limit), terms.every.body
        opening = None if terms.subject.endswith(":*") else terms.opening
        more |= opening_on_wire(opening)
        body = self.party.budget(terms.subject, limit, terms.unit, period=period, **more)
        made = Rule(
            body["budget_id"], terms.subject, terms.unit, terms.limit, terms.every,
            soft_limit, terms.soft == "pause", terms.shadow,
        )  # fmt: skip
        replaced = self.model.defaults_of(terms.subject)
        self.model.rules.append(made)
        self.model.policy_changed(made.subject)
        self.versions[made.subject] = body["version"]
        if not terms.subject.endswith(":*"):
            self._starts(made, opening, replaced, body)
        self._count("create")
        self.changes["budget.created"] += 1
        self._wait(WAIT_FOR_RULES_SECONDS)
        return made

    @rule(budget=budgets, limit=LIMIT)
    def change_limit(self, budget: Rule, limit: Decimal) -> None:
        contradicts = not self.model.soft_limit_fits(budget, limit)
        status = 404 if budget.deleted else 422 if contradicts else 200
        self._change("PATCH", budget, status, body={"limit": plain(limit)})
        if status == 200:
            budget.limit = limit

    @rule(budget=budgets, every=PERIODS, opening=OPENING)
    def change_period(self, budget: Rule, every: Every, opening: Opening | None) -> None:
        is_default = budget.subject.endswith(":*")
        opening = None if is_default else opening
        body = {"period": every.body, **opening_on_wire(opening)}
        answer = self._on(budget, "PATCH", "", body)
        assert answer.status == (404 if budget.deleted else 200), answer
        self._count("change")
        before = replace(budget)
        budget.every = every
        if every != before.every:
            budget.resumed_at_ms = None  # another period pauses anew
        self._policy_written(budget, answer, before)
        if not budget.deleted and not is_default and before.every != every:
            self._starts(budget, opening, [before], answer.body)
        self._wait(WAIT_FOR_RULES_SECONDS)

    def _starts(
        self, made: Rule, opening: Opening | None, replaced: list[Rule], body: Mapping[str, Any]
    ) -> None:
        """A budget on one subject starts, and says what it leaves behind."""
        left = [
            view
            for view in (self.model.view(old, made.subject) for old in replaced)
            if (view.spent or view.held) and (opening is None or view.rule.unit != made.unit)
        ]
        assert [shown(budget_left, REPLACED) for budget_left in body.get("replaces", [])] == [
            seen(view, REPLACED) for view in left
        ]
        if opening is not None:
            self.model.start(made, made.subject, opening, replaced)
            self._count("opening")

    @rule(budget=budgets, action=st.sampled_from(["pause", "resume", "disable", "enable"]))
    def switch(self, budget: Rule, action: str) -> None:
        self._change("POST", budget, 404 if budget.deleted else 200, path=f"/{action}")
        if action == "resume":
            self.model.resume(budget)
        elif action == "pause":
            budget.paused = True
        else:
            budget.disabled = action == "disable"
        self._wait(WAIT_FOR_RULES_SECONDS)

    @rule(budget=consumes(budgets))
    def delete(self, budget: Rule) -> None:
        self._change("DELETE", budget, 404 if budget.deleted else 200)
        budget.deleted = True

    @rule(budget=budgets, amount=CREDIT, of=st.sampled_from("ab"), end=END)
    def credit(self, budget: Rule, amount: Decimal, of: str, end: int | None) -> None:
        """`end` are seconds from now, to full ten seconds: several credits have the same end."""
        kind, _, name = budget.subject.partition(":")
        named = {"subject": f"{kind}:{of}"} if name == "*" else {}
        ends_at = None if end is None else (self.clock.at_ms // 1000 + end) // 10 * 10
        until = {} if ends_at is None else {"expires_at": moment(ends_at)}
        body = {"amount": plain(amount), **named, **until}
        answer = self._on(budget, "POST", "/credits", body)
        subject = named.get("subject", budget.subject)
        if budget.deleted:
            assert answer.status == 404, answer
        else:
            fits = self.model.credit(budget, subject, amount, ends_at)
            assert answer.status == (201 if fits else 422), answer
            self.changes["budget.credited"] += fits
        self._count("credit" if amount > 0 else "correction")
        if ends_at is not None and answer.status == 201:
            self._count("credit with an end")
            self._wait(0)

    @rule(target=held, budget=budgets, end=st.sampled_from([5, 15]), unit=UNIT)
    def help_for_a_moment(self, budget: Rule, end: int, unit: str) -> Known:
        """A credit ends, and the next request asks for more than there is without it."""
        name = budget.subject.rpartition(":")[2]
        self.credit(budget, Decimal(7), "a", end)
        self._wait(end + 1)
        caller = {"session": "s"} if name == "s" else {"agent": "a"}
        return self._reserve(caller, {unit: Decimal(7)}, 300)

    @precondition(lambda self: len(self.model.rules) < BUDGETS_MAX)
    @rule(target=budgets, terms=TERMS, every=PERIODS, usd=AMOUNT, seconds=JUMP)
    def replace_a_default(
        self, terms: Terms, every: Every, usd: Decimal, seconds: float
    ) -> MultipleResults[Rule]:
        """An own budget in the place of two defaults, of the same period as one of them."""
        default = replace(terms, subject="session:*", unit="usd")
        defaults = [self._create(replace(default, every=cycle)) for cycle in (every, terms.every)]
        self.record({"session": "s"}, {"usd": usd}, twice=False, ago=None)
        self._wait(seconds)
        own = replace(default, subject="session:s", opening="inherit")
        return multiple(*defaults, self._create(own))

    # What callers do.

    @rule(caller=CALLER, amounts=AMOUNTS)
    def check(self, caller: Mapping[str, str], amounts: Amounts) -> None:
        answer = self.party.done("POST", "/v1/check", wish(caller, amounts))
        refused = self.model.judge(subjects(caller), amounts)
        assert answer["allowed"] == (refused is None), answer
        assert answer["error_code"] == (refused.code if refused else None), answer
        self._count("check")

    @rule(target=spends, caller=CALLER, amounts=AMOUNTS, twice=st.booleans(), ago=AGO)
    def record(
        self, caller: Mapping[str, str], amounts: Amounts, twice: bool, ago: float | None
    ) -> Spent:
        body: dict[str, Any] = {"subjects": dict(caller), "actual": on_wire(amounts)}
        at_ms = self.clock.at_ms - int((ago or 0) * 1000)
        if ago is not None:
            body["occurred_at"] = moment(at_ms / 1000)
        key = {"Idempotency-Key": f"record-{self.done['record']}"}
        may_be = may_be_reported(at_ms, now_ms=self.clock.at_ms)
        spend = self.model.record(subjects(caller), amounts, at_ms) if may_be else None
        shares, usage_id = spend.shares if spend else [], ""
        for status in (201, 200) if twice else (201,):
            answer = self.party.ask("POST", "/v1/spend", body, headers=key)
            assert answer.status == (status if may_be else 422), answer
            if may_be:
                assert shares == [
                    (budget["budget_id"], budget["subject"], budget["counted"])
                    for budget in answer.body["budgets"]
                ], answer
                usage_id = answer.body["usage_id"]
        self._count("record")
        if ago is not None:
            self._count("record of the past" if may_be else "record refused")
        if not all(counted for _, _, counted in shares):
            self._count("record not counted")
        return (usage_id, spend) if spend else None

    @rule(spent=spends)
    def reverse(self, spent: Spent) -> None:
        if spent is None:
            return
        answer = self.party.ask("POST", f"/v1/usage/{spent[0]}/reverse", {})
        status = 201 if self.model.reverse(spent[1]) else 200
        assert answer.status == status, answer
        self.changes["usage.reversed"] += status == 201
        self._count("reversal" if status == 201 else "reversal again")

    # What happens by itself.

    @rule(seconds=JUMP, runs_of_rollover=st.integers(0, 2))
    def wait(self, seconds: float, runs_of_rollover: int) -> None:
        self._wait(seconds)
        for _ in range(runs_of_rollover):
            self._roll_over()
        self._count("wait")

    @invariant()
    def both_show_the_same_balances(self) -> None:
        self._same_snapshot({"agent": "a", "session": "s"})

    def _same_snapshot(self, caller: Mapping[str, str]) -> None:
        snapshot = self.party.done("GET", "/v1/spend", query=caller)
        same_balances(snapshot["budgets"], self.model.views(subjects(caller)))

    def _same_usage(self) -> None:
        """The report of all time, from roll-ups and records, is what the model has added up."""
        totals = {"calls": Decimal(0)}
        first_day = moment(self.began_ms / 1000 - USAGE_BEFORE_SECONDS)[:10]
        query = {"from": first_day}
        for row in self.party.done("GET", "/v1/usage", query=query)["data"]:
            totals = {unit: Decimal(amount) for unit, amount in row["amounts"].items()}
            totals["calls"] = Decimal(row["calls"])
        logged = {unit: amount for unit, amount in self.model.logged.items() if amount}
        assert {unit: amount for unit, amount in totals.items() if amount} == logged

    def _same_changes(self) -> None:
        """What admins did is in the change log."""
        done: Tally[str] = Tally()
        query: dict[str, str] = {}
        while True:
            page = self.party.done("GET", "/v1/changes", query=query)
            done.update(entry["action"] for entry in page["data"])
            if page["next_cursor"] is None:
                break
            query = {"cursor": page["next_cursor"]}
        for action, count in self.changes.items():
            assert done[action] == count, (action, done)

    def _on(self, budget: Rule, method: str, path: str, body: object = None) -> HttpAnswer:
        return self.party.ask(method, f"/v1/budgets/{budget.budget_id}{path}", body)

    def _change(
        self, method: str, budget: Rule, status: int, *, path: str = "", body: object = None
    ) -> None:
        """A change to a default is waited for; one to a subject's own budget holds at once."""
        answer = self._on(budget, method, path, body)
        assert answer.status == status, answer
        self._count("change")
        self._policy_written(budget, answer, deletes=method == "DELETE")
        if budget.subject.endswith(":*") or budget.every.kind == "duration":
            self._wait(WAIT_FOR_RULES_SECONDS)

    def _policy_written(
        self, budget: Rule, answer: HttpAnswer, *before: Rule, deletes: bool = False
    ) -> None:
        """A change that changes something makes the counters of its subject's current periods.

        A deletion answers with the budget as it was.
        """
        if answer.status != 200:
            return
        version = answer.body["version"] + deletes
        if version != self.versions[budget.subject]:
            self.model.policy_changed(budget.subject, *before)
            self.versions[budget.subject] = version
