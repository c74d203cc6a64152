"""Token caps."""

from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.subjects import Subject


def token_cap_response(subject: Subject, cap: TokenCap) -> dict[str, object]:
    """How many tokens one request of a subject may have; null where there is no cap."""
    return {
        "subject": str(subject),
        "max_prompt_tokens": cap.max_prompt_tokens,
        "max_completion_tokens": cap.max_completion_tokens,
        "max_total_tokens": cap.max_total_tokens,
    }
