"""The client of a request; the oracles are RFC 7239 and the fields that real proxies send."""

from __future__ import annotations

import pytest

from archive_service.http.client_address import CLIENT_BYTES, Client, TrustedProxies
from archive_service.http.forwarded import parse_node

PROXIES = TrustedProxies.parse("10.0.0.0/8, 192.0.2.1,2001:db8:ffff::/48 , ::1")
PEER = "10.0.0.1"
VISITOR, ANOTHER = "198.51.100.7", "198.51.100.8"


def known(address: str) -> Client:
    return TrustedProxies.parse("none").client(address)


def the_proxy(address: str = PEER) -> Client:
    return Client(known(address).key, is_known=False)


def x_forwarded_for(*lines: str, peer: str = PEER) -> Client:
    return PROXIES.client(peer, x_forwarded_for=lines)


def forwarded(*lines: str, peer: str = PEER) -> Client:
    return PROXIES.client(peer, forwarded=lines)


@pytest.mark.parametrize("text", ["", " ", "unknown", "Unknown", ","])
def test_where_it_is_not_known_what_stands_in_front_nobody_is_known(text: str) -> None:
    proxies = TrustedProxies.parse(text)
    assert proxies.client(PEER) == the_proxy()
    assert proxies.client(PEER, x_forwarded_for=[VISITOR]) == the_proxy()
    assert proxies.client(PEER, forwarded=[f"for={VISITOR}"]) == the_proxy()


@pytest.mark.parametrize("text", ["none", "NONE", " none "])
def test_where_nothing_stands_in_front_the_peer_is_the_visitor(text: str) -> None:
    proxies = TrustedProxies.parse(text)
    assert proxies.client(VISITOR, x_forwarded_for=[ANOTHER], forwarded=["for=::1"]) == known(
        VISITOR
    )


def test_who_comes_past_the_proxies_is_not_believed() -> None:
    assert x_forwarded_for(ANOTHER, peer=VISITOR) == known(VISITOR)
    assert forwarded(f"for={ANOTHER}", peer=VISITOR) == known(VISITOR)


@pytest.mark.parametrize(
    "lines",
    [
        [VISITOR],
        [f"{VISITOR}:443"],
        [f" {VISITOR}\t"],
        [f"{ANOTHER}, {VISITOR}"],
        [f"{ANOTHER},{VISITOR},10.1.2.3"],
        [f"{ANOTHER}, {VISITOR}, 192.0.2.1, 10.9.9.9:80"],
        [f"{ANOTHER}", f"{VISITOR}, 10.9.9.9"],
        [f"{ANOTHER}, {VISITOR}", "10.9.9.9"],
        [f"not an address, {VISITOR}"],
        [f"unknown,{VISITOR},,", ","],
        [f"::ffff:{VISITOR}"],
        [f"[::ffff:{VISITOR}]:443, [2001:db8:ffff::2]:80"],
    ],
)
def test_first_untrusted_address_from_the_right_of_x_forwarded_for(lines: list[str]) -> None:
    assert x_forwarded_for(*lines) == known(VISITOR)


@pytest.mark.parametrize(
    "lines",
    [
        [f"for={VISITOR}"],
        [f"For={VISITOR}"],
        [f'for="{VISITOR}"'],
        [f'for="{VISITOR}:47011"'],
        [f'for="{VISITOR}:_obfuscated.port"'],
        [f"for={VISITOR};proto=http;by=203.0.113.43"],
        [f"proto=https ; for={VISITOR} ; host=example.org"],
        [f"for={ANOTHER}, for={VISITOR}"],
        [f"for={ANOTHER},for={VISITOR};by=10.0.0.2, for=10.0.0.2"],
        [f"for={ANOTHER}", f"for={VISITOR}"],
        ['for="', f"for={VISITOR}"],  # the malformed line is on the left of the one that counts
        [f'secret="a,b;c\\"for=1.2.3.4";for={VISITOR}'],
        [f",,for={VISITOR},"],
        [f'for="[::ffff:{VISITOR}]:443", for="[2001:db8:ffff::2]:80"'],
        [f'for="\\{VISITOR}"'],
    ],
)
def test_first_untrusted_address_from_the_right_of_forwarded(lines: list[str]) -> None:
    assert forwarded(*lines) == known(VISITOR)


@pytest.mark.parametrize(
    "node", ["[2001:db8:1:2::7]", "[2001:db8:1:2:3:4:5:6]:8080", "[2001:DB8:1:2::]:_p"]
)
def test_an_ipv6_subscriber_is_one_client(node: str) -> None:
    assert forwarded(f'for="{node}"') == known("2001:db8:1:2::1")
    assert forwarded(f"for={node}") == known("2001:db8:1:2::1")  # not all proxies quote it
    assert x_forwarded_for(node) == known("2001:db8:1:2::1")
    assert known("2001:db8:1:2::1") != known("2001:db8:1:3::1")


@pytest.mark.parametrize(
    "node",
    [
        *("", "unknown", "_hidden", "_SEVKISEK", "localhost"),
        *("198.51.100", "198.51.100.256", "198.51.100.07", "1.2.3.4.5", "٣.1.1.1"),
        *("[2001:db8::1", "2001:db8::1]", "::ffff:1.2.3", "1:2:3:4:5:6:7", "[::1%eth0]"),
    ],
)
def test_hop_that_is_no_address_leaves_the_proxy(node: str) -> None:
    assert parse_node(node) is None
    assert forwarded(f'for={VISITOR}, for="{node}"') == the_proxy()
    if node:
        assert x_forwarded_for(f"{VISITOR}, {node}") == the_proxy()


@pytest.mark.parametrize(
    "line",
    [
        *('for="198.51.100.7', "for", "for=", "=198.51.100.7", "for=a/b", '""', "198.51.100.7"),
        *("for=198.51.100.7 for=198.51.100.8", "for=198.51.100.7;for=198.51.100.8"),
        *("for = 198.51.100.7", f'for=", for={VISITOR}'),
    ],
)
def test_malformed_line_leaves_the_proxy(line: str) -> None:
    assert forwarded(line) == the_proxy()
    assert forwarded(f"for={VISITOR}", line) == the_proxy()


def test_proxy_that_tells_nothing_of_a_visitor_stands_for_all_of_them() -> None:
    assert PROXIES.client(PEER) == the_proxy()
    assert x_forwarded_for("10.3.3.3, 192.0.2.1") == the_proxy()
    assert forwarded("proto=https;by=10.0.0.1") == the_proxy()
    assert forwarded("") == the_proxy()


def test_fields_that_contradict_each_other_leave_the_proxy() -> None:
    def both(in_forwarded: str, in_x_forwarded_for: str) -> Client:
        return PROXIES.client(PEER, forwarded=[in_forwarded], x_forwarded_for=[in_x_forwarded_for])

    assert both(f"for={VISITOR}", VISITOR) == known(VISITOR)
    assert both(f"for={VISITOR}", ANOTHER) == the_proxy()
    assert both("for=_hidden", VISITOR) == the_proxy()
    assert both(f"for={VISITOR}", "unknown") == the_proxy()


@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1", "::1", "2001:db8:ffff:1::1"])
def test_proxy_may_speak_either_protocol(peer: str) -> None:
    assert x_forwarded_for(VISITOR, peer=peer) == known(VISITOR)


@pytest.mark.parametrize("network", ["::ffff:10.0.0.0/104", "::ffff:10.0.0.1"])
def test_mapped_network_is_that_of_ipv4(network: str) -> None:
    proxies = TrustedProxies.parse(network)
    assert proxies.client("10.0.0.1", x_forwarded_for=[VISITOR]) == known(VISITOR)


def test_link_local_peer_is_counted_without_its_interface() -> None:
    assert known("fe80::1%eth0") == known("fe80::2%eth1")
    assert known("fe80::1%eth0").is_known


def test_peer_without_an_address_is_not_known() -> None:
    assert not TrustedProxies.parse("none").client("").is_known


def test_keys_are_of_one_length_and_never_empty() -> None:
    keys = {known(address).key for address in ("0.0.0.0", "::", "4::", "255.255.255.255", "")}
    assert len(keys) == 5
    assert {len(key) for key in keys} == {CLIENT_BYTES}
    assert bytes(CLIENT_BYTES) not in keys


@pytest.mark.parametrize(
    "text",
    ["10.0.0.1/8", "10.0.0.0/33", "proxy.example", "none,10.0.0.1", "unknown, none", "10.0.0.1:80"],
)
def test_list_that_can_not_be_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TrustedProxies.parse(text)
