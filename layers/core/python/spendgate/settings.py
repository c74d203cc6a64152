"""What the template tells the functions, by environment variables of the same names."""

import os


def table_name() -> str:
    """The one table."""
    return os.environ["TABLE_NAME"]


def retention_days() -> int:
    """How long a period is remembered after its end."""
    return int(os.environ.get("RETENTION_DAYS", "400"))


def dead_letter_queue_url() -> str:
    """Where messages go that can never be applied."""
    return os.environ["DEAD_LETTER_QUEUE_URL"]
