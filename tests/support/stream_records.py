"""Changes of a table as its stream records them for Lambda."""

from typing import Any

from spendgate_service.events.envelope import TTL_SERVICE
from spendgate_service.store.values import Item

type Record = dict[str, Any]

CREATED_AT = 1_772_971_200.0
"""When every one of them was made, unless it says otherwise: the fake clock's noon."""

BY_TTL = {"type": "Service", "principalId": TTL_SERVICE}


def change(
    before: Item | None, after: Item | None, *, number: int = 1, by_ttl: bool = False
) -> Record:
    """What the stream says of an item that was one thing and is another now; None is no item."""
    item = after or before
    assert item is not None
    kind = "MODIFY" if before and after else "INSERT" if after else "REMOVE"
    images = {"OldImage": before, "NewImage": after}
    record: Record = {
        "eventID": f"record-{number}",
        "eventName": kind,
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": CREATED_AT,
            "Keys": {"pk": item["pk"], "sk": item["sk"]},
            **{name: image for name, image in images.items() if image is not None},
            "SequenceNumber": str(number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }
    return {**record, "userIdentity": BY_TTL} if by_ttl else record


def sequence_number(record: Record) -> str:
    number: str = record["dynamodb"]["SequenceNumber"]
    return number
