"""Behind a CDN, with the lines for it commented in, the service gets the visitor's address."""

from __future__ import annotations

import pytest
from front.client import curl
from front.fronts import Front, running
from front.recorder import recording
from harness.albums import HASH

pytestmark = pytest.mark.front

TARGET = f"/archive/{HASH}/"
CDN, ANOTHER = "127.0.0.5", "127.0.0.6"
TOLD, VISITOR = "203.0.113.1", "203.0.113.9"


@pytest.mark.parametrize("name", ["nginx", "apache", "caddy", "haproxy"])
def test_the_cdn_is_believed_and_nobody_else(name: str) -> None:
    """The CDN appends the address that it sees to the addresses that a visitor sent."""
    with (
        recording() as service,
        running(name, service_port=service.port, cdn=f"{CDN}/32") as front,
    ):
        for address in (CDN, ANOTHER):
            ask(front, address)
    seen = [asked.fields.get_all("X-Forwarded-For") for asked in service.asked]
    assert seen == [[VISITOR], [ANOTHER]]
    assert not any(asked.fields.get("Forwarded") for asked in service.asked)


def ask(front: Front, address: str) -> None:
    curl(
        front, TARGET, "--interface", address,
        "-H", f"X-Forwarded-For: {TOLD}, {VISITOR}",
        "-H", f"Forwarded: for={TOLD}",
    )  # fmt: skip
