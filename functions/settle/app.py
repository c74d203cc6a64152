"""Settle, release, extend and record: over HTTP, or in batches from SQS."""

from spendgate_service.api.handlers.settle import serve
from spendgate_service.api.lambda_handler import lambda_handler
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = lambda_handler(serve, app)
