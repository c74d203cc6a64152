"""Ids: a prefix and a ULID, 26 characters that sort by the time of their creation."""

import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_CHARACTERS = 26
_RANDOM_BITS = 80


def new_id(prefix: str, *, now_ms: int) -> str:
    """Generate an id such as `bud_01jd...`; `prefix` includes its underscore."""
    return prefix + new_ulid(now_ms=now_ms)


def first_ulid(prefix: str, *, now_ms: int) -> str:
    """Return the id that sorts before every id generated from that moment on."""
    return prefix + _base_32(now_ms << _RANDOM_BITS)


def new_ulid(*, now_ms: int) -> str:
    """Generate a ULID: 48 bits of time and 80 random bits, in Crockford's base 32."""
    return _base_32((now_ms << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS))


def _base_32(value: int) -> str:
    digits = []
    for _ in range(_CHARACTERS):
        value, digit = divmod(value, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def time_ms_of_ulid(ulid: str) -> int:
    """Return the moment at which a ULID was generated; of other texts, any moment."""
    value = 0
    for character in ulid:
        value = value * 32 + _ALPHABET.find(character)
    return value >> _RANDOM_BITS
