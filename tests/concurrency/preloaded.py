"""What the processes of a race have before they start: imported for its effects."""

import tests.concurrency.storm
import tests.concurrency.test_changes_while_reserving
import tests.concurrency.workers  # noqa: F401
from tests.support.engines import client_at

client_at("http://127.0.0.1:9")  # boto3's reads the models of the SDK; connects to nothing
