"""Preview a reservation, read balances, find a reservation."""

from spendgate_service.api.dispatch import http_handler
from spendgate_service.api.handlers.check import ROUTES
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = http_handler(ROUTES, app)
