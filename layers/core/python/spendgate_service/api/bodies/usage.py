"""The body of a reversal."""

from typing import Annotated

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.fields import DescriptionField
from spendgate_service.wire.fields import Doc


class ReverseBody(Body):
    """The body of a reversal."""

    reason: Annotated[
        DescriptionField | None, Doc("Why; it is the description of the ledger entries.")
    ] = None
