"""Which requests are the site's own, by address and by the fields of a web server in front."""

from __future__ import annotations

import pytest

from archive_service.http.client_address import TrustedProxies
from archive_service.http.site_addresses import SiteAddresses

KNOWN = TrustedProxies.parse("127.0.0.1")


@pytest.mark.parametrize(
    ("text", "proxies", "peer", "is_site"),
    [
        ("auto", KNOWN, "127.0.0.1", True),
        ("auto", KNOWN, "::1", True),
        ("auto", KNOWN, "::ffff:127.0.0.1", True),
        ("auto", KNOWN, "10.0.0.1", False),
        ("AUTO", TrustedProxies.parse("none"), "127.0.0.1", True),
        # a proxy that no setting names may forward visitors without a field
        ("auto", TrustedProxies.parse("unknown"), "127.0.0.1", False),
        ("none", KNOWN, "127.0.0.1", False),
        ("10.0.0.5, 172.18.0.0/16", KNOWN, "10.0.0.5", True),
        ("10.0.0.5, 172.18.0.0/16", KNOWN, "172.18.3.4", True),
        ("10.0.0.5, 172.18.0.0/16", KNOWN, "127.0.0.1", False),
        ("10.0.0.5", TrustedProxies.parse("unknown"), "10.0.0.5", True),
        ("10.0.0.0/8", KNOWN, "", False),  # a Unix socket
        ("10.0.0.0/8", KNOWN, "10.0.0.x", False),
    ],
)
def test_address_decides(text: str, proxies: TrustedProxies, peer: str, *, is_site: bool) -> None:
    assert SiteAddresses.parse(text, proxies).includes(peer, ["Host"]) is is_site


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "forwarded", "X-Real-IP", "VIA", "CF-Connecting-IP"]
)
def test_what_was_passed_on_is_a_visitors(name: str) -> None:
    assert not SiteAddresses.parse("auto", KNOWN).includes("127.0.0.1", ["Host", name])


@pytest.mark.parametrize("text", ["", "unknown", "10.0.0.x", "10.0.0.1/8", "auto,10.0.0.1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - it has no text
        SiteAddresses.parse(text, KNOWN)
