"""The logger and the metrics of a function.

The service's name, the log level, the namespace and the stack come from the environment
(`POWERTOOLS_SERVICE_NAME`, `LOG_LEVEL`, `POWERTOOLS_METRICS_NAMESPACE`, `STACK_NAME`). Lambda
itself records traces: docs/adr/0004-tracing-without-the-sdk.md.

A metric has two dimensions, `service` and `stack`, and never a tenant or a subject: each new value
of a dimension would be another metric to pay for. Counts are added up during an invocation and
written as one line at its end; an invocation that is killed loses its counts.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable
from functools import wraps
from threading import Lock

from aws_lambda_powertools.logging import Logger, correlation_paths
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import Metrics

__all__ = ["correlation_paths", "count", "logger", "measured", "metrics", "publish_counts"]

_PACKAGE = "spendgate_service"

logger = Logger()
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Spendgate"))
metrics.set_default_dimensions(stack=os.environ.get("STACK_NAME", "unnamed"))

_counts: Counter[str] = Counter()
_counts_lock = Lock()

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # The modules use the standard library's logging; in Lambda its lines are structured as well.
    logging.getLogger(_PACKAGE)
    copy_config_to_registered_loggers(logger, include={_PACKAGE})


def count(name: str, times: int = 1) -> None:
    """Count an event, from any thread; counts are published when the invocation ends."""
    with _counts_lock:
        _counts[name] += times


def publish_counts() -> None:
    """Write the counts since the last call as one line of CloudWatch's embedded format."""
    with _counts_lock:
        counted = {name: times for name, times in _counts.items() if times}
        _counts.clear()
        for name, times in counted.items():
            metrics.add_metric(name, "Count", times)
        if counted:
            metrics.flush_metrics()


def measured[**P, T](handler: Callable[P, T]) -> Callable[P, T]:
    """Wrap a handler so that its counts are published, even if it fails."""

    @wraps(handler)
    def and_publish(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return handler(*args, **kwargs)
        finally:
            publish_counts()

    return and_publish
