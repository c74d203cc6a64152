# Generated from `_async` by `make client-models`. Do not edit.
"""A call to a model that a framework makes: reserved, watched and settled by the client's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from spendgate import _subjects
from spendgate._calls import ModelCall
from spendgate._outcomes import Outcome, SeenResponse, outcome_of_error
from spendgate._sync.client import Spendgate
from spendgate._sync.settlement import Settlement, reserved
from spendgate.estimators import text_size
from spendgate.usage import Usage


class GuardedCall:
    """For models whose HTTP client takes no transport; the framework says what they wrote."""

    def __init__(self, settlement: Settlement, seen: SeenResponse) -> None:
        self._settlement = settlement
        self._seen = seen

    @classmethod
    def start(cls, guard: Spendgate, call: ModelCall, subjects: Mapping[str, object]) -> Self:
        """Reserve the estimate; raises BudgetRefused if it may not be spent."""
        settings = guard._settings
        named = _subjects.merged(settings.subjects, subjects)
        settlement = reserved(guard, call, named)
        return cls(settlement, SeenResponse(call, settlement.usage, settings.estimator))

    @property
    def model_call(self) -> ModelCall:
        """What is reserved for."""
        return self._settlement.call

    @property
    def is_stream(self) -> bool:
        """Whether a part of a stream was seen."""
        return self._seen.is_stream

    def saw(self, text: str) -> None:
        """Count a part of what a stream has written."""
        self._seen.is_stream = True
        self._seen.text_bytes += text_size(text)
        self._settlement.observer = self._seen

    def reported(self, usage: Usage | None, response_id: str | None = None) -> None:
        """Keep the provider's own usage, so far or final."""
        self._seen.reported = usage or self._seen.reported
        self._seen.response_id = response_id or self._seen.response_id

    def end(self) -> None:
        """Settle a complete response at its usage, or at the estimate if it has none."""
        self._seen.is_complete = True
        self.cut()

    def cut(self) -> None:
        """Settle a response that was left or broke off, at what was seen of it."""
        self._settlement.observer = self._seen
        self._settlement.settle()

    def release(self) -> None:
        """Give the hold back: nothing was spent."""
        self._settlement.release()

    def fail(self, error: BaseException, outcome: Outcome | None = None) -> None:
        """Settle what was seen; where no stream had begun, do as the error says."""
        if self._seen.is_stream:
            self.cut()
        elif (outcome or outcome_of_error(error)) == "release":
            self.release()
        else:
            self._settlement.leave(repr(error))
