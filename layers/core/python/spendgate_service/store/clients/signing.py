"""Signature Version 4 of AWS for calls to DynamoDB: POST to `/`, with the body in one piece.

Source: "Create a signed AWS API request" in the AWS Identity and Access Management user guide. A
property test holds it equal to botocore's `SigV4Auth`.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import gmtime, strftime

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "dynamodb"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys that a function has for its life; `token` is empty for long-term keys."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


class Signer:
    """Signs for one region; the key of a day is derived once."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region
        self._key_of_day = ("", b"")

    def headers(
        self, headers: Mapping[str, str], body: bytes, now_seconds: float
    ) -> dict[str, str]:
        """Return the headers with those that date and sign them; names are in lower case."""
        stamp = strftime("%Y%m%dT%H%M%SZ", gmtime(now_seconds))
        signed = {**headers, "x-amz-date": stamp}
        if self._credentials.token:
            signed["x-amz-security-token"] = self._credentials.token
        names = sorted(signed)
        lines = "".join(f"{name}:{signed[name].strip()}\n" for name in names)
        listed = ";".join(names)
        digest = hashlib.sha256(body).hexdigest()
        request = f"POST\n/\n\n{lines}\n{listed}\n{digest}"
        scope = f"{stamp[:8]}/{self._region}/{_SERVICE}/aws4_request"
        to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self._key(stamp[:8]), to_sign.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={self._credentials.access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _key(self, day: str) -> bytes:
        known_day, key = self._key_of_day
        if known_day != day:
            key = f"AWS4{self._credentials.secret_key}".encode()
            for part in (day, self._region, _SERVICE, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of_day = (day, key)
        return key
