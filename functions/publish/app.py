"""Publish the changes of the table as events."""

from spendgate_service.api.handlers.publish import serve
from spendgate_service.api.lambda_handler import lambda_handler
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = lambda_handler(serve, app)
