"""Every operation of the service for faults to be tried on."""

from tests.faults.administration import ADMINISTRATION
from tests.faults.leases import LEASES
from tests.faults.operations import SPENDING

OPERATIONS = (*SPENDING, *LEASES, *ADMINISTRATION)
