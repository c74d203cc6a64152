"""Receivers of notifications: which URLs may be named, and which addresses may be called.

A URL that a tenant chooses must never lead into the network of the service: not to its metadata,
not to another function, not to a host behind the same router. So the name in it is resolved once,
every address that it has is judged here, and the connection goes to an address that was judged.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from spendgate_service.domain.errors import InvalidValue

URL_LENGTH_MAX = 2000
LAST4 = 4
_PATH_LENGTH_MIN = 16
"""Of a URL with a shorter path, the last four characters would be too much of it."""

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_TARGET = r"(?P<target>[/?](?:(?![#\\])[!-~])*)?"
_HTTPS = re.compile(
    rf"https://(?P<host>(?:{_LABEL}\.)+(?=[A-Za-z]){_LABEL})(?::443)?{_TARGET}", re.ASCII
)
"""The last label of a host begins with a letter, so that no spelling of an address is a host."""
_LOCAL = re.compile(rf"http://(?P<host>127\.0\.0\.1):(?P<port>[0-9]{{1,5}}){_TARGET}", re.ASCII)

_HTTPS_PORT = 443
_HOST_LENGTH_MAX = 253
_PORT_MAX = 65_535

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments; 2001::/32 (Teredo) holds IPv4 addresses
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: holds IPv4 addresses
            "2620:4f:8000::/48",  # AS112
            "3fff::/20",  # documentation
        ),
    )
)
_REFUSED_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers; 100.100.100.200 is a metadata service
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # a metadata service with a public address
            "169.254.0.0/16",  # link-local: the metadata services of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # AMT relays
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a notification goes: a host, a port, and the path and query of the request.

    A local one is a test's: its address is 127.0.0.1, and there is no TLS.
    """

    host: str
    port: int
    target: str
    is_local: bool = False


def parse_receiver(url: str, *, allow_local: bool = False) -> Receiver:
    """Read the URL of a receiver. Raises InvalidValue, without the URL, which is a secret."""
    found = _HTTPS.fullmatch(url)
    if found and len(url) <= URL_LENGTH_MAX and len(found["host"]) <= _HOST_LENGTH_MAX:
        return Receiver(found["host"].lower(), _HTTPS_PORT, _target(found))
    found = _LOCAL.fullmatch(url)
    if found and allow_local and 0 < int(found["port"]) <= _PORT_MAX:
        return Receiver(found["host"], int(found["port"]), _target(found), is_local=True)
    raise InvalidValue(
        "body.url: send an https URL with a host name and no other port than 443, such as "
        "https://hooks.slack.com/services/..., of at most 2000 characters and without a fragment",
        param="body.url",
    )


def url_host(url: str) -> str:
    """Return the host of a URL that `parse_receiver` has accepted."""
    return parse_receiver(url, allow_local=True).host


def url_last4(url: str) -> str | None:
    """Return the last four characters of a URL; None if its path is too short to show them."""
    target = url.partition("://")[2].partition("/")[2]
    return url[-LAST4:] if len(target) >= _PATH_LENGTH_MIN else None


def is_public(address: str) -> bool:
    """Whether an IP address belongs to a host of the public internet, and to nothing special.

    IPv6 addresses that hold an IPv4 address (mapped, NAT64, 6to4, Teredo) are refused, since a
    router may take them for the address that they hold.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    match parsed:
        case IPv4Address():
            return parsed.is_global and not any(parsed in network for network in _REFUSED_V4)
        case IPv6Address():
            return (
                parsed in _GLOBAL_UNICAST
                and parsed.is_global
                and parsed.scope_id is None
                and not any(parsed in network for network in _REFUSED_V6)
            )


def _target(found: re.Match[str]) -> str:
    target = found["target"] or "/"
    return target if target.startswith("/") else f"/{target}"
