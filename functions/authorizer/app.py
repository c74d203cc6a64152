"""Find the principal of a bearer."""

from spendgate_service.api.handlers.authorizer import authorize
from spendgate_service.api.lambda_handler import lambda_handler
from spendgate_service.app import Spendgate
from spendgate_service.observability import correlation_paths

app = Spendgate.from_environment()
handler = lambda_handler(authorize, app, correlation_id_path=correlation_paths.API_GATEWAY_HTTP)
