"""Deliver notifications about events to chats and webhooks."""

from spendgate_service.api.handlers.notify import serve
from spendgate_service.api.lambda_handler import lambda_handler
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = lambda_handler(serve, app)
