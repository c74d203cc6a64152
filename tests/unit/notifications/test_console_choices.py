"""The console offers every type of event, and no other."""

import re

from spendgate_service.wire.events import DETAILS
from tests.support.engines import ROOT


def test_the_console_offers_the_types_that_there_are() -> None:
    source = (ROOT / "console/app/screens/notifications.js").read_text(encoding="utf-8")

    assert set(re.findall(r'"((?:budget|reservation|request)\.\w+)"', source)) == set(DETAILS)
