"""Whom a request is counted for.

Only what a trusted proxy has written is believed; anybody can write the rest.  Where it is not
known whether the peer is a visitor or a proxy with thousands of them behind it, the peer is counted
all the same, but not as somebody who is known: who is not must be refused nothing for what may have
been done by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from archive_service.http.forwarded import (
    Address,
    forwarded_hops,
    parse_node,
    plain,
    x_forwarded_for_hops,
)

UNKNOWN, NONE = "unknown", "none"
CLIENT_BYTES = 16
_IPV6_SUBSCRIBER_BITS = 64
"""What one subscriber has at least: he could take another address in it for each request."""
_MAPPED = IPv6Network("::ffff:0:0/96")
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who sends requests, as far as one can tell."""

    key: bytes
    """CLIENT_BYTES, the same for requests that are counted together; never only zeros."""
    is_known: bool
    """Whether all of them are of one visitor, or of few with one address."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies whose word is taken for whom they pass a request on for."""

    networks: Sequence[_Network] | None
    """None where it is not known what stands in front; empty where nothing does."""

    @classmethod
    def parse(cls, text: str) -> TrustedProxies:
        """Read `unknown`, `none`, or addresses and networks separated by commas.

        Raise ValueError.
        """
        members = [member.strip() for member in text.split(",") if member.strip()]
        words = [member.lower() for member in members]
        if words in ([], [UNKNOWN]):
            return cls(None)
        if words == [NONE]:
            return cls(())
        return cls(tuple(map(_network, members)))

    def client(
        self, peer: str, *, forwarded: Sequence[str] = (), x_forwarded_for: Sequence[str] = ()
    ) -> Client:
        """Tell whom a request of a peer is to be counted for, given the lines of both fields.

        It is the first hop from the right that is no trusted proxy.  Where there is none, where
        something else than an address comes first, or where the fields contradict each other, it is
        the proxy itself.  A proxy that writes one of the fields may pass on the other as the client
        wrote it, and which is which can't be told.
        """
        address = parse_node(peer)
        if address is None:  # a Unix socket, or a connection that is no more
            return Client(bytes(CLIENT_BYTES - 1) + b"\1", is_known=False)
        if self.networks is None:
            return Client(_key(address), is_known=False)
        if not self._trusts(address):
            return Client(_key(address), is_known=True)
        told = set()
        if forwarded:
            told.add(self._first_untrusted(forwarded_hops(forwarded)))
        if x_forwarded_for:
            told.add(self._first_untrusted(x_forwarded_for_hops(x_forwarded_for)))
        found = told.pop() if len(told) == 1 else None
        return Client(_key(found or address), is_known=found is not None)

    def _first_untrusted(self, hops: Iterable[Address | None]) -> Address | None:
        for hop in hops:
            if hop is None or not self._trusts(hop):
                return hop
        return None

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks or ())


def _network(text: str) -> _Network:
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        first = plain(network.network_address)
        return ip_network((int(first), network.prefixlen - _MAPPED.prefixlen))
    return network


def _key(address: Address) -> bytes:
    if isinstance(address, IPv4Address):
        significant = address.packed
    else:
        significant = address.packed[: _IPV6_SUBSCRIBER_BITS // 8]
    return bytes([address.version, *significant]).ljust(CLIENT_BYTES, b"\0")
