"""Which URLs may be named, and which addresses may be called."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.receivers import (
    Receiver,
    is_public,
    parse_receiver,
    url_host,
    url_last4,
)

SLACK = "https://hooks.slack.com/services/T000/B000/abcdefgh"

V4 = st.integers(0, 2**32 - 1).map(IPv4Address)


@pytest.mark.parametrize(
    ("url", "receiver"),
    [
        (SLACK, Receiver("hooks.slack.com", 443, "/services/T000/B000/abcdefgh")),
        ("https://Example.COM", Receiver("example.com", 443, "/")),
        ("https://a.example.com:443?x=1&y=%2F", Receiver("a.example.com", 443, "/?x=1&y=%2F")),
        ("https://xn--bcher-kva.example/a", Receiver("xn--bcher-kva.example", 443, "/a")),
    ],
)
def test_a_url_is_taken_apart(url: str, receiver: Receiver) -> None:
    assert parse_receiver(url) == receiver
    assert url_host(url) == receiver.host


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "http://127.0.0.1:8000/hook",
        "https://example.com:8443/hook",
        "https://example.com:/hook",
        "https://localhost/hook",
        "https://127.0.0.1/hook",
        "https://2130706433/hook",
        "https://0x7f.0.0.0x1/hook",
        "https://0177.0.0.01/hook",
        "https://127.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:169.254.169.254]/",
        "https://user:pass@example.com/hook",
        "https://example.com@169.254.169.254/hook",
        "https://example.com/hook#part",
        "https://example.com\\@evil.example/",
        "https://example.com/a b",
        "https://example.com/a\r\nhost: evil.example",
        "https://example.com/ü",
        "https://exämple.com/",
        "https://example.com./hook",
        "https://-a.example.com/",
        "https://a..example.com/",
        " https://example.com/",
        "https://example.com/\n",
        "ftp://example.com/",
        "https://?",
        "https:///hook",
        f"https://example.com/{'a' * 2000}",
        f"https://{'a.' * 130}example.com/",
        "",
    ],
)
def test_any_other_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_receiver(url)

    assert refused.value.param == "body.url"
    assert not url or url not in str(refused.value)


def test_this_machine_may_be_named_where_it_is_allowed_alone() -> None:
    url = "http://127.0.0.1:8000/hook?a=b"
    local = parse_receiver(url, allow_local=True)

    assert local == Receiver("127.0.0.1", 8000, "/hook?a=b", is_local=True)
    for other in ("http://127.0.0.1/", "http://127.0.0.2:80/", "http://localhost:80/",
                  "http://127.0.0.1:0/", "http://127.0.0.1:65536/"):  # fmt: skip
        with pytest.raises(InvalidValue):
            parse_receiver(other, allow_local=True)


def test_of_a_long_url_the_last_four_characters_are_shown_and_of_a_short_one_none() -> None:
    assert url_last4(SLACK) == "efgh"
    assert url_last4("https://example.com/secret12") is None


@given(st.one_of(V4, st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_no_special_address_is_public(address: IPv4Address | IPv6Address) -> None:
    if is_public(str(address)):
        assert address.is_global
        special = (
            address.is_private, address.is_loopback, address.is_link_local, address.is_multicast,
            address.is_reserved, address.is_unspecified,
        )  # fmt: skip
        assert not any(special)


@given(V4)
def test_no_ipv6_address_that_holds_an_ipv4_address_is_public(held: IPv4Address) -> None:
    """Mapped, compatible, translated (NAT64, well known and local), 6to4 and Teredo."""
    number = int(held)
    holding = (
        (0xFFFF << 32) | number,
        number,
        (0x0064FF9B << 96) | number,
        (0x0064FF9B0001 << 80) | number,
        (0x2002 << 112) | (number << 80) | 1,
        (0x20010000 << 96) | (number << 64) | (~number & 0xFFFFFFFF),
    )

    assert not [address for address in holding if is_public(str(IPv6Address(address)))]


NETWORKS = [
    ("0.0.0.0", 8), ("10.0.0.0", 8), ("100.64.0.0", 10), ("127.0.0.0", 8), ("169.254.0.0", 16),
    ("172.16.0.0", 12), ("192.0.0.0", 24), ("192.0.2.0", 24), ("192.168.0.0", 16),
    ("198.18.0.0", 15), ("198.51.100.0", 24), ("203.0.113.0", 24), ("224.0.0.0", 4),
    ("240.0.0.0", 4),
]  # fmt: skip


@given(st.sampled_from(NETWORKS), st.integers(0, 2**32 - 1))
def test_no_address_of_a_special_network_is_public(network: tuple[str, int], host: int) -> None:
    start, bits = network
    address = int(IPv4Address(start)) | (host & (2 ** (32 - bits) - 1))

    assert not is_public(str(IPv4Address(address)))


@pytest.mark.parametrize(
    "address",
    ["fc00::1", "fd00:ec2::254", "fe80::1", "ff02::1", "::", "::1", "2001:db8::1", "3fff::1",
     "192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "2620:4f:8000::1",
     "2002::1", "168.63.129.16", "255.255.255.255", "100.100.100.200", "2606:4700::1%eth0",
     "example.com", ""],
)  # fmt: skip
def test_these_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "1.1.1.1", "2606:4700::6810:84e5"])
def test_these_are_public(address: str) -> None:
    assert is_public(address)
