"""Budgets, the policy of a subject, and which budgets apply to a request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from spendgate.domain.amounts import Amount
from spendgate.domain.errors import InvalidValue
from spendgate.domain.periods import PeriodRule
from spendgate.domain.subjects import Subject

WARN_AT_PCT_DEFAULT = (80,)
BUDGETS_PER_SUBJECT_MAX = 20
"""Keeps a policy item small and a change to it within one transaction."""


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on one subject, in one unit, over one kind of period."""

    budget_id: str
    subject: Subject
    unit: str
    limit: Amount
    period: PeriodRule
    created_at_ms: int
    updated_at_ms: int
    warn_at_pct: tuple[int, ...] = WARN_AT_PCT_DEFAULT
    name: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def counted_subject(self, asked: Subject | None) -> Subject:
        """Whose counter is meant: on a default, the subject's that was asked for.

        Raises InvalidValue where that is nobody, or somebody whom the budget does not count.
        """
        if not self.subject.is_default:
            if asked not in {None, self.subject}:
                raise InvalidValue(
                    f"query.subject: this budget counts {self.subject} alone",
                    param="query.subject",
                )
            return self.subject
        if asked is None or asked.is_default or asked.type != self.subject.type:
            raise InvalidValue(
                "query.subject: this budget is a default; "
                f"name the {self.subject.type} that you mean",
                param="query.subject",
            )
        return asked


@dataclass(frozen=True, slots=True)
class Policy:
    """All that is laid down for one subject; every change increases `version`.

    Version 0 is the policy of a subject for which nothing was ever laid down. A policy that was
    emptied keeps its version, so that a version never stands for two sets of rules.
    """

    subject: Subject
    version: int = 0
    budgets: tuple[Budget, ...] = ()

    def budget(self, budget_id: str) -> Budget | None:
        """The budget of that id, if it is on this subject."""
        return next((one for one in self.budgets if one.budget_id == budget_id), None)


@dataclass(frozen=True, slots=True)
class Claim:
    """One budget that a request must satisfy: how much of it, and for whom it counts.

    `subject` is the one that spends, also where the budget is a default of its type.
    `policy_version` is the version of the policy that the claim was read from.
    """

    budget: Budget
    subject: Subject
    amount: Amount
    policy_version: int


def policy_in_force(subject: Subject, policies: Mapping[Subject, Policy]) -> Policy:
    """The policy that limits a subject: its own if it has budgets, else its type's defaults."""
    own = policies[subject]
    return own if own.budgets else policies[subject.default]


def budgets_on(
    subjects: Iterable[Subject], policies: Mapping[Subject, Policy]
) -> list[tuple[Subject, Budget, int]]:
    """Every budget that limits one of the subjects, with the version of its policy.

    In the order in which refusals are reported.
    """
    return [
        (subject, budget, policy.version)
        for subject in sorted(subjects, key=lambda one: one.refusal_rank)
        for policy in (policy_in_force(subject, policies),)
        for budget in policy.budgets
    ]


def claims_on(
    subjects: Iterable[Subject], amounts: Mapping[str, Amount], policies: Mapping[Subject, Policy]
) -> list[Claim]:
    """What a request must be granted by every budget that applies to it.

    A budget in a unit that the request does not name does not apply.
    """
    return [
        Claim(budget, subject, amounts[budget.unit], version)
        for subject, budget, version in budgets_on(subjects, policies)
        if budget.unit in amounts
    ]
