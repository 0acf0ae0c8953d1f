"""The alerts and the dashboard of deploy/, against the real programs and a real run."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.conditions import eventually
from harness.http import begun, get
from harness.prometheus import Prometheus, watching
from harness.readers import need, succeed
from harness.server import REPOSITORY, Server

DASHBOARD = json.loads((REPOSITORY / "deploy" / "grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
LINK = f"/archive/{HASH}/"


@pytest.fixture
def monitored(serve: Serve, photos_dir: Path) -> Server:
    make_album(photos_dir, {"1.jpg": noise(300_000), "2.bin": noise(30_000_000)})
    return serve("--workers", "2", "--miss-limit", "1")


@pytest.fixture
def prometheus(monitored: Server, tmp_path: Path) -> Iterator[Prometheus]:
    with watching(monitored.port, tmp_path) as prometheus:
        yield prometheus


def test_alerts_fire_when_they_should() -> None:
    need("promtool")
    succeed(["promtool", "test", "rules", str(Path(__file__).with_name("alerts.test.yml"))])


def test_every_panel_of_the_dashboard_shows_something(
    monitored: Server, prometheus: Prometheus, photos_dir: Path
) -> None:
    (photos_dir / HASH / "broken").symlink_to("nowhere")
    get(monitored.port, LINK)
    get(monitored.port, LINK, "Range: bytes=1000-")
    for _ in range(2):
        get(monitored.port, "/archive/missing/")
    with begun(monitored.port, LINK):
        pass
    wanted = {target["expr"]: panel["title"] for panel in PANELS for target in panel["targets"]}

    def without_data() -> dict[str, str]:
        return {
            expression: title
            for expression, title in wanted.items()
            if not any(map(math.isfinite, prometheus.values(_as_grafana_asks(expression))))
        }

    eventually(lambda: not without_data() or None)
    assert wanted
    assert not prometheus.alerts()


def test_metrics_have_no_fault_that_promtool_knows(monitored: Server, tmp_path: Path) -> None:
    need("promtool")
    get(monitored.port, LINK)
    text = tmp_path / "metrics"
    text.write_bytes(get(monitored.port, "/metrics").content)
    assert not succeed(["promtool", "check", "metrics"], stdin=text).strip()


def test_prometheus_alerts_when_albums_can_not_be_read(
    prometheus: Prometheus, photos_dir: Path
) -> None:
    eventually(lambda: not prometheus.alerts())
    photos_dir.rename(photos_dir.with_name("unmounted"))
    eventually(lambda: prometheus.alerts() == {"ArchiveServiceNotReady": "pending"})
    photos_dir.with_name("unmounted").rename(photos_dir)
    eventually(lambda: not prometheus.alerts())


def test_panels_are_in_their_own_place_and_told_apart() -> None:
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for one, other in combinations((panel["gridPos"] for panel in DASHBOARD["panels"]), 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)
        assert one["x"] + one["w"] <= 24


def _as_grafana_asks(expression: str) -> str:
    """Put in what Grafana would for its variables: everything, and the last minute."""
    expression = expression.replace("$__rate_interval", "1m")
    expression = re.sub(r'"\$(job|instance)"', '".*"', expression)
    assert "$" not in expression, expression
    return expression
