"""What LiteLLM's SDK and its proxy share: which model a name is, and what an error came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import litellm

from spendgate._outcomes import Outcome, outcome_of_exception, outcome_of_status

_TRANSPORT_ERRORS = frozenset({"TransportError", "APIConnectionError", "ClientError"})


def provider_and_model(model: str, options: Mapping[str, Any]) -> tuple[str, str]:
    """The provider and the model of a name as LiteLLM takes it, such as `azure/my-deployment`."""
    try:
        name, provider, _, _ = litellm.get_llm_provider(
            model=model,
            custom_llm_provider=options.get("custom_llm_provider"),
            api_base=options.get("api_base"),
        )
    except litellm.BadRequestError:
        first, slash, rest = model.partition("/")
        return (first, rest) if slash else ("openai", model)
    return str(provider), str(name)


def outcome_of_litellm_error(error: BaseException) -> Outcome:
    """Whether the provider may bill: LiteLLM shows a lost connection as a status 500.

    So what the error was raised from decides, where it is an error of the connection.
    """
    chain = list(_chain(error))
    if any(outcome_of_exception(cause) == "release" for cause in chain):
        return "release"
    names = {kind.__name__ for cause in chain for kind in type(cause).__mro__}
    if names & _TRANSPORT_ERRORS or any(isinstance(cause, OSError) for cause in chain):
        return "unknown"
    status = getattr(error, "status_code", None)
    return outcome_of_status(status) if isinstance(status, int) else "unknown"


def is_cached(response: object) -> bool:
    """Whether the response came from LiteLLM's cache, so that it cost nothing."""
    hidden = getattr(response, "_hidden_params", None)
    return isinstance(hidden, Mapping) and bool(hidden.get("cache_hit"))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it was raised from, or while handling."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
