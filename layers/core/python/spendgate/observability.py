"""Logs and metrics, one of each for a function.

The service's name, the log level and the namespace come from the environment
(`POWERTOOLS_SERVICE_NAME`, `LOG_LEVEL`, `POWERTOOLS_METRICS_NAMESPACE`). Traces are left to Lambda
itself: docs/adr/0004-tracing-without-the-sdk.md.
"""

import logging
import os

from aws_lambda_powertools.logging import Logger, correlation_paths
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import Metrics

__all__ = ["correlation_paths", "logger", "metrics"]

_PACKAGE = "spendgate"

logger = Logger()
metrics = Metrics()

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # Our modules log by the standard library; in Lambda that comes out as structured as the rest.
    logging.getLogger(_PACKAGE)
    copy_config_to_registered_loggers(logger, include={_PACKAGE})
