"""The client that a request is counted for.

Only trusted proxies are believed, because any client can write the fields.  An unidentified peer is
still counted, but never blocked: it may be a proxy for thousands of visitors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

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
"""The smallest network of one subscriber, who could use another address for each request."""
_MAPPED = IPv6Network("::ffff:0:0/96")
_Network = IPv4Network | IPv6Network


class Client(NamedTuple):
    """The sender of a request, identified as well as possible."""

    key: bytes
    """CLIENT_BYTES, the same for requests that are counted together; never all zeros."""
    is_known: bool
    """Whether it is one visitor, or a few who share an address; False: it may be a proxy."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies that are believed when they name the client of a request."""

    networks: Sequence[_Network] | None
    """None: the proxies in front are unknown.  Empty: there are none."""

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
        """Return the client that a peer's request is counted for, given the lines of both fields.

        It is the first hop from the right that is no trusted proxy.  It is the proxy itself if
        there is no such hop, if the hop is no address, or if the fields contradict each other.
        A proxy that writes one of the fields may pass on the other as the client wrote it, and
        nothing shows which is which.
        """
        address = _address_of_peer(peer)
        if address is None:  # a Unix socket, or a closed connection
            return Client(bytes(CLIENT_BYTES - 1) + b"\1", is_known=False)
        if self.networks is None:
            return Client(_key(address), is_known=False)
        if not self._trusts(address):
            return Client(_key(address), is_known=True)
        named = set()
        if forwarded:
            named.add(self._first_untrusted(forwarded_hops(forwarded)))
        if x_forwarded_for:
            named.add(self._first_untrusted(x_forwarded_for_hops(x_forwarded_for)))
        found = named.pop() if len(named) == 1 else None
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


@lru_cache(maxsize=1024)  # a visitor sends many requests, and a proxy most of them
def _address_of_peer(peer: str) -> Address | None:
    return parse_node(peer)


def _key(address: Address) -> bytes:
    if isinstance(address, IPv4Address):
        significant = address.packed
    else:
        significant = address.packed[: _IPV6_SUBSCRIBER_BITS // 8]
    return bytes([address.version, *significant]).ljust(CLIENT_BYTES, b"\0")
