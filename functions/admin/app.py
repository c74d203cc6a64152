"""Administration, reports, and every request that no other route takes."""

from spendgate_service.api.dispatch import http_handler
from spendgate_service.api.handlers.admin import ROUTES
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = http_handler(ROUTES, app)
