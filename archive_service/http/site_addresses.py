"""Which requests are the site's own: those that its pages make, and no visitor.

The site asks for the sizes of its albums, and some are gone; that is no guessing.  It is known by
its address, and by connecting directly: a web server in front names the visitor it passes a request
on for, and a visitor cannot take that back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from archive_service.http.client_address import NONE, TrustedProxies
from archive_service.http.forwarded import parse_node

AUTO = "auto"
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_OF_VISITORS = frozenset(
    ("forwarded", "x-forwarded-for", "x-real-ip", "via", "cf-connecting-ip", "true-client-ip")
)
"""Fields that a web server in front adds."""


@dataclass(frozen=True, slots=True)
class SiteAddresses:
    """The addresses that the site's own requests come from."""

    networks: Sequence[IPv4Network | IPv6Network] = ()

    @classmethod
    def parse(cls, text: str, proxies: TrustedProxies) -> SiteAddresses:
        """Read `auto`, `none`, or addresses and networks separated by commas.

        `auto` is this machine, where it is known which proxies there are: an unknown one here may
        pass visitors on without naming them.
        Raise ValueError.
        """
        word = text.strip().lower()
        if word == AUTO:
            return cls(_LOOPBACK if proxies.networks is not None else ())
        if word == NONE:
            return cls()
        networks = TrustedProxies.parse(text).networks
        if not networks:
            raise ValueError
        return cls(networks)

    def includes(self, peer: str, field_names: Iterable[str]) -> bool:
        """Return whether a request is the site's own, by the peer's address and the fields."""
        address = parse_node(peer) if self.networks else None
        if address is None or any(name.lower() in _OF_VISITORS for name in field_names):
            return False
        return any(address in network for network in self.networks)


NO_SITE = SiteAddresses()
"""No request is the site's own."""
