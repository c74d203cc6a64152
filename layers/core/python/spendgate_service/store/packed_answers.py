"""The first answer to a request, kept for replays and packed so that it costs no write unit.

Deflate with a preset dictionary (RFC 1950): the field names that every answer has cost nothing, and
an answer about three budgets takes some 300 bytes instead of 1,700.
"""

import zlib

from spendgate_service.store.values import Value

_DICTIONARY = (
    b'"metadata":{"trace_id":"bud_01m80rsv_agent:session:organization:tool:user:","warning",'
    b'"exhausted","paused","credits","eur","type":"none","key":"balance","starts_at":null,'
    b'"ends_at":null},"resets_at":null,"resets_in_seconds":null},"type":"calendar",00:00:00.000Z'
    b'{"reservation_id":"rsv_","state":"held","expires_at":"2026-12-31T23:59:59.000Z",'
    b'"created_at":"2026-01-01T00:00:00.000Z","subjects":{"agent":"","session":"","tool":""},'
    b'"amounts":{"tokens":"2000","usd":"0.0"},"action":"warn","warnings":[" usd month at ",'
    b'" usd day at 80.0%: 8.50 of 10"],"action":"continue","warnings":[],"budgets":['
    b'{"budget_id":"bud_","name":null,"subject":"organization:","unit":"usd",'
    b'"period":{"type":"calendar","key":"2026-","starts_at":"2026-01-01T00:00:00.000Z",'
    b'"ends_at":"2026-12-31T00:00:00.000Z"},"limit":"100","credits":"0","carried_in":"0",'
    b'"soft_limit":null,"spent":"0",'
    b'"held":"0.0","available":"99.9","overrun":"0","utilization_pct":0.0,'
    b'"percent_remaining":100.0,"status":"active","resets_at":"2026-12-31T00:00:00.000Z",'
    b'"forecast":{"burn_rate_per_hour":"0.0","limit_reached_at":null}},"resets_in_seconds":'
)
"""Never to be changed: answers packed with it are in the table."""


def packed_answer(answer: str) -> Value:
    """An answer as an attribute."""
    packer = zlib.compressobj(level=9, zdict=_DICTIONARY)
    return {"B": packer.compress(answer.encode()) + packer.flush()}


def read_packed_answer(value: Value) -> str:
    """The answer, byte for byte as it was sent."""
    return zlib.decompressobj(zdict=_DICTIONARY).decompress(value["B"]).decode()
