"""Logs and metrics, one of each for a function.

The service's name, the log level and the namespace come from the environment
(`POWERTOOLS_SERVICE_NAME`, `LOG_LEVEL`, `POWERTOOLS_METRICS_NAMESPACE`). Traces are left to Lambda
itself: docs/adr/0004-tracing-without-the-sdk.md.
"""

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import Metrics

logger = Logger()
metrics = Metrics()
