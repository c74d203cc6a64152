"""LiteLLM's proxy: a callback that reserves before a request and settles what it cost.

    litellm_settings:
      callbacks: spendgate.integrations.litellm_proxy.guard

What belongs to a request is kept in its metadata, so that any number of workers share nothing. One
reservation covers a request with its retries. An attempt after which the provider may bill leaves
the reservation to expire, and what a later attempt costs is recorded beside it.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException

from spendgate import _subjects
from spendgate._async.client import AsyncSpendgate
from spendgate._async.hold import AsyncHold
from spendgate._calls import REASONING_FIELDS, Kind, ModelCall
from spendgate._outcomes import settled_usage, settlement_at
from spendgate._refusals import refusal_headers, status_and_error
from spendgate.errors import ConfigurationError, SpendgateError
from spendgate.integrations._litellm import (
    is_cached,
    outcome_of_litellm_error,
    provider_and_model,
)
from spendgate.integrations._litellm_state import (
    STATE,
    Watch,
    metadata_of,
    proof_of,
    state_in,
    taken,
)
from spendgate.usage import Usage, usage_from_provider

_log = logging.getLogger("spendgate")

DEFAULT_TTL_SECONDS = 900

_KINDS: Mapping[str, Kind] = {
    "completion": "chat",
    "acompletion": "chat",
    "text_completion": "completions",
    "atext_completion": "completions",
    "embedding": "embeddings",
    "aembedding": "embeddings",
    "responses": "responses",
    "aresponses": "responses",
    "anthropic_messages": "messages",
    "aanthropic_messages": "messages",
}

Naming = Callable[[Any, Mapping[str, Any]], Mapping[str, object]]
"""From the proxy's key (UserAPIKeyAuth) and the request to more subjects."""


class SpendgateGuard(CustomLogger):
    """The callback; `naming` names further subjects.

    Do not subclass it: LiteLLM calls an `async_pre_call_hook` only if the class itself defines it.
    """

    def __init__(
        self, client: AsyncSpendgate | None = None, *, naming: Naming | None = None
    ) -> None:
        super().__init__()
        self._client = client or AsyncSpendgate(
            subjects=_subjects.parse_header(os.environ.get("SPENDGATE_SUBJECTS")),
            ttl_seconds=DEFAULT_TTL_SECONDS,
        )
        if self._client._settings.lease is not None:
            raise ConfigurationError(
                "a request's reservation is kept in its metadata, where a lease has no place: pass "
                "SpendgateGuard a client without lease="
            )
        self._naming = naming

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> None:
        """Reserve the estimate of a request, or refuse the request."""
        metadata = metadata_of(data)
        kind = _KINDS.get(call_type)
        if kind is None or not isinstance(data.get("model"), str):
            return
        provider, model = _served_by(data["model"], getattr(user_api_key_dict, "team_id", None))
        call = ModelCall(kind, provider, model, data)
        try:
            subjects = self._subjects_of(user_api_key_dict, data, metadata)
            usage = call.estimate(self._client._settings.estimator, subjects.get("agent", ""))
            hold = await self._client._reserve(subjects, usage=usage, heartbeat=False)
        except SpendgateError as error:
            raise _refusal(error) from None
        metadata[STATE] = {
            "reservation_id": hold.id,
            "proof": proof_of(hold.id),
            "subjects": subjects,
            "kind": kind,
            "usage": {name: value for name, value in asdict(usage).items() if value is not None},
            "options": {name: data[name] for name in REASONING_FIELDS if data.get(name)},
            "unknown_attempts": 0,
        }

    async def async_post_call_failure_deployment_hook(
        self,
        request_data: Mapping[str, Any],
        exception: Exception,
        call_type: Any,
        fallback_depth: int | None = None,
    ) -> None:
        """Count an attempt after which the provider may bill; a retry may follow it."""
        state = state_in(request_data)
        if state is not None and outcome_of_litellm_error(exception) == "unknown":
            state["unknown_attempts"] += 1

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """Count what a stream writes, for when it is left or breaks off."""
        watch = Watch(state_in(request_data), response)
        try:
            async for chunk in response:
                watch.read(chunk)
                yield chunk
        except Exception:
            watch.read()
            raise

    async def async_log_success_event(
        self, kwargs: Mapping[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Settle at the usage; LiteLLM calls it also for a stream that the client has left."""
        state = taken(state_in(kwargs.get("litellm_params") or {}))
        if state is None:
            return
        if kwargs.get("cache_hit") or is_cached(response_obj):
            await self._release(state)
        else:
            await self._settle(state, *_model_that_served(kwargs, state), response_obj)

    async def async_post_call_failure_hook(
        self,
        request_data: Mapping[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """Release a request that has failed for good, unless the provider may bill for it."""
        state = taken(state_in(request_data))
        if state is None:
            return
        was_sent = request_data.get("first_api_call_start_time") is not None
        if "text_bytes" in state:
            usage = state["usage"]
            await self._settle(state, usage["provider"], usage["model"], None)
        elif not was_sent or (
            not state["unknown_attempts"]
            and outcome_of_litellm_error(original_exception) == "release"
        ):
            await self._release(state)
        else:
            _log.warning(
                "spendgate: %s is left to expire, since the provider may bill: %r",
                state["reservation_id"], original_exception,
            )  # fmt: skip

    def _subjects_of(
        self, key: Any, data: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> dict[str, str]:
        """What the caller names in a header, and over it what the proxy knows of its key."""
        request = data.get("proxy_server_request") or {}
        named = (request.get("headers") or {}).get(_subjects.SUBJECTS_HEADER)
        known = {
            "org": getattr(key, "org_id", None),
            "team": getattr(key, "team_id", None),
            "user": getattr(key, "user_id", None),
            "key": getattr(key, "key_alias", None) or getattr(key, "token", None),
            "end_user": getattr(key, "end_user_id", None),
        }
        session = data.get("litellm_session_id") or metadata.get("session_id")
        more = self._naming(key, data) if self._naming is not None else {}
        return _subjects.merged(
            {"session": session},
            _subjects.parse_header(named),
            self._client._settings.subjects,
            known,
            more,
        )

    async def _settle(
        self, state: Mapping[str, Any], provider: str, model: str, response: object
    ) -> None:
        """Settle the reservation; if an earlier attempt may be billed, record the spend instead."""
        estimator = self._client._settings.estimator
        call = ModelCall(state["kind"], provider, model, state["options"])
        estimate = Usage(**{**state["usage"], "provider": provider, "model": model})
        is_stream = "text_bytes" in state
        reported = state["reported"] if is_stream else getattr(response, "usage", None)
        usage, meter = settled_usage(
            call,
            estimate,
            usage_from_provider(provider, model, reported),
            is_complete=not is_stream or state["is_final"],
            seen_tokens=estimator.text_tokens(state["text_bytes"]) if is_stream else None,
        )
        if usage is not None and meter == "provider":
            agent = state["subjects"].get("agent", "")
            estimator.observe(call.to_estimate(agent), usage.output_tokens)
        hold = self._hold(state, estimate, is_recorded=bool(state["unknown_attempts"]))
        settled = settlement_at(usage, meter, getattr(response, "id", None))
        await _quietly(hold.settle(**settled))

    async def _release(self, state: Mapping[str, Any]) -> None:
        await _quietly(self._hold(state, Usage(**state["usage"])).release())

    def _hold(
        self, state: Mapping[str, Any], usage: Usage, *, is_recorded: bool = False
    ) -> AsyncHold:
        identity = None if is_recorded else state["reservation_id"]
        return AsyncHold(
            self._client._runtime,
            self._client._api,
            None if identity is None else {"reservation_id": identity},
            subjects=state["subjects"],
            usage=usage,
            amounts=None,
        )


async def _quietly(delivery: Awaitable[None]) -> None:
    """Deliver; an error of the books must not reach LiteLLM's other callbacks."""
    try:
        await delivery
    except SpendgateError as error:
        _log.error("spendgate: a settlement failed: %s", error)


def _served_by(name: str, team_id: str | None) -> tuple[str, str]:
    """The provider and the model of a name of the proxy; of several deployments the first."""
    from litellm.proxy import proxy_server  # noqa: PLC0415 (loaded by the proxy)

    router: Any = proxy_server.llm_router
    found = router.get_model_list(model_name=name, team_id=team_id) if router is not None else None
    for deployment in found or ():
        parameters = deployment["litellm_params"]
        base = (deployment.get("model_info") or {}).get("base_model")
        return provider_and_model(base or parameters["model"], parameters)
    return provider_and_model(name, {})


def _model_that_served(kwargs: Mapping[str, Any], state: Mapping[str, Any]) -> tuple[str, str]:
    parameters = kwargs.get("litellm_params") or {}
    base = (parameters.get("model_info") or {}).get("base_model") or parameters.get("base_model")
    provider = kwargs.get("custom_llm_provider") or state["usage"]["provider"]
    model = base or kwargs.get("model") or state["usage"]["model"]
    return provider_and_model(model, {"custom_llm_provider": provider})


def _refusal(error: SpendgateError) -> ProxyException:
    """The proxy's own exception: its sentence, type and status reach the caller's SDK."""
    status, body = status_and_error(error)
    return ProxyException(
        message=body["message"],
        type=body["type"] or "invalid_request_error",
        param=body["param"],
        code=status,
        headers=refusal_headers(error),
        provider_specific_fields={"spendgate": body},
    )


@functools.cache
def _shared_guard() -> SpendgateGuard:
    return SpendgateGuard()


def __getattr__(name: str) -> SpendgateGuard:
    """`guard`, made when LiteLLM's configuration first names it."""
    if name == "guard":
        return _shared_guard()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
