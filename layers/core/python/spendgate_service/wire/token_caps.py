"""Token caps."""

from typing import Annotated, TypedDict

from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.subjects import Subject
from spendgate_service.wire.fields import Doc


class TokenCapResponse(TypedDict):
    """How many tokens one request of a subject may have."""

    subject: Annotated[str, Doc("The subject, as type:id; type:* is the default of the type.")]
    max_prompt_tokens: Annotated[
        int | None, Doc("How many prompt tokens one request may have; null: no cap.")
    ]
    max_completion_tokens: Annotated[
        int | None, Doc("How many completion tokens one request may have; null: no cap.")
    ]
    max_total_tokens: Annotated[
        int | None, Doc("How many tokens one request may have in all; null: no cap.")
    ]


def token_cap_response(subject: Subject, cap: TokenCap) -> TokenCapResponse:
    """Build the response about the token cap of a subject."""
    return {
        "subject": str(subject),
        "max_prompt_tokens": cap.max_prompt_tokens,
        "max_completion_tokens": cap.max_completion_tokens,
        "max_total_tokens": cap.max_total_tokens,
    }
