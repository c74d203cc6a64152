"""A placeholder that the commits to come replace."""

from typing import Any


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer 501 until the function is written."""
    return {"statusCode": 501, "body": "{}"}
