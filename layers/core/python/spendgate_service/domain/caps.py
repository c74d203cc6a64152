"""Token caps: how many tokens one request may have, independent of its budgets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from spendgate_service.domain.budgets import Policy
from spendgate_service.domain.errors import TokenCapExceeded
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.subjects import Subject


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """The tokens of one request; only `total` is always known."""

    total: int
    prompt: int = 0
    completion: int = 0


def tokens_of(usage: Usage) -> TokenCounts:
    """Return the tokens of a usage."""
    return TokenCounts(
        total=usage.input_tokens + usage.output_tokens,
        prompt=usage.input_tokens,
        completion=usage.output_tokens,
    )


def check_token_caps(
    tokens: TokenCounts, subjects: Iterable[Subject], policies: Mapping[Subject, Policy]
) -> None:
    """Check a request against the caps of its subjects: the own cap, or else the type's default.

    Raises TokenCapExceeded for the first exceeded cap, in the order of refusals.
    """
    for subject in sorted(subjects, key=lambda subject: subject.refusal_rank):
        cap = policies[subject].token_cap or policies[subject.default].token_cap
        if cap is None:
            continue
        counts = (
            ("prompt", tokens.prompt, cap.max_prompt_tokens),
            ("completion", tokens.completion, cap.max_completion_tokens),
            ("total", tokens.total, cap.max_total_tokens),
        )
        for kind, count, most in counts:
            if most is not None and count > most:
                raise TokenCapExceeded(subject=str(subject), kind=kind, count=count, cap=most)
