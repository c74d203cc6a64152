"""Budgets for LLM applications and agents: reserve before a call, settle what it cost.

from spendgate import Spendgate
guard = Spendgate()                                # SPENDGATE_URL, SPENDGATE_API_KEY
client = guard.wrap(OpenAI(), agent="researcher")  # use it as before
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from spendgate._sync.client import Spendgate
from spendgate._version import __version__
from spendgate.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceeded,
    BudgetPaused,
    BudgetRefused,
    ConfigurationError,
    ConflictError,
    IdempotencyConflict,
    InternalServerError,
    NoBudget,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ReservationExpired,
    ReservationFinalized,
    SpendgateError,
    TokenCapExceeded,
    Unavailable,
    UnknownPrice,
    UnprocessableEntityError,
    VersionMismatch,
    WrongEventLoop,
)

if TYPE_CHECKING:
    from spendgate import models, params
    from spendgate._async.client import AsyncSpendgate
    from spendgate._async.hold import AsyncHold
    from spendgate._async.lease import AsyncLease
    from spendgate._leases.tenures import LeaseTerms
    from spendgate._local_cap import LocalCap
    from spendgate._sync.hold import Hold
    from spendgate._sync.lease import Lease
    from spendgate.estimators import (
        ByteEstimator,
        Estimator,
        LearnedEstimator,
        TiktokenEstimator,
    )
    from spendgate.usage import Usage, usage_from_provider

_LAZY = {
    "AsyncSpendgate": "spendgate._async.client",
    "AsyncHold": "spendgate._async.hold",
    "AsyncLease": "spendgate._async.lease",
    "ByteEstimator": "spendgate.estimators",
    "Estimator": "spendgate.estimators",
    "Hold": "spendgate._sync.hold",
    "LearnedEstimator": "spendgate.estimators",
    "Lease": "spendgate._sync.lease",
    "LeaseTerms": "spendgate._leases.tenures",
    "LocalCap": "spendgate._local_cap",
    "TiktokenEstimator": "spendgate.estimators",
    "Usage": "spendgate.usage",
    "usage_from_provider": "spendgate.usage",
}

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "AsyncHold",
    "AsyncLease",
    "AsyncSpendgate",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceeded",
    "BudgetPaused",
    "BudgetRefused",
    "ByteEstimator",
    "ConfigurationError",
    "ConflictError",
    "Estimator",
    "Hold",
    "IdempotencyConflict",
    "InternalServerError",
    "LearnedEstimator",
    "Lease",
    "LeaseTerms",
    "LocalCap",
    "NoBudget",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ReservationExpired",
    "ReservationFinalized",
    "Spendgate",
    "SpendgateError",
    "TiktokenEstimator",
    "TokenCapExceeded",
    "Unavailable",
    "UnknownPrice",
    "UnprocessableEntityError",
    "Usage",
    "VersionMismatch",
    "WrongEventLoop",
    "__version__",
    "models",
    "params",
    "usage_from_provider",
]


def __getattr__(name: str) -> Any:
    """Import what is not needed by every program when it is first used."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in ("models", "params"):
        return importlib.import_module(f"spendgate.{name}")
    raise AttributeError(f"module 'spendgate' has no attribute {name!r}")
