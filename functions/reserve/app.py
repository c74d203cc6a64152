"""Reserve: hold an estimate on every budget that applies."""

from spendgate_service.api.dispatch import http_handler
from spendgate_service.api.handlers.reserve import ROUTES
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = http_handler(ROUTES, app)
