"""Close the periods that have ended and roll up the usage log, once a minute."""

from spendgate_service.api.handlers.rollover import roll_over
from spendgate_service.api.lambda_handler import lambda_handler
from spendgate_service.app import Spendgate

app = Spendgate.from_environment()
handler = lambda_handler(roll_over, app)
