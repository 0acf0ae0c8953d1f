"""Prometheus, run for real with the files of deploy/ that an operator copies."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from harness.conditions import eventually
from harness.ports import free_port
from harness.readers import need
from harness.server import REPOSITORY, environment

TIMEOUT_S = 120.0
SCRAPES_EVERY_S = 1
_DEPLOY = REPOSITORY / "deploy"


class Prometheus:
    """A running one, asked by its HTTP API."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, **parameters: str) -> dict[str, list[Any]]:
        """Return the data of an answer; a wrong query raises HTTPError."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            data: dict[str, list[Any]] = json.load(answer)["data"]
            return data

    def values(self, expression: str) -> list[float]:
        """Return the value of each series that a PromQL expression gives at this moment."""
        found = self.ask("query", query=expression)["result"]
        return [float(series["value"][1]) for series in found]

    def alerts(self) -> dict[str, str]:
        """Return the state of each alert that is pending or firing, by its name."""
        return {a["labels"]["alertname"]: a["state"] for a in self.ask("alerts")["alerts"]}

    def is_scraping(self) -> bool:
        with suppress(urllib.error.URLError, ConnectionError):
            return self.values('up{job="archive-service"}') == [1]
        return False


@contextmanager
def watching(service_port: int, directory: Path) -> Iterator[Prometheus]:
    """Run Prometheus until the block ends; the service is what it scrapes."""
    need("prometheus")
    port = free_port()
    configuration = (_DEPLOY / "prometheus.yml").read_text()
    for old, new in {
        "127.0.0.1:8080": f"127.0.0.1:{service_port}",
        "/etc/prometheus/archive-service-alerts.yml": f"{_DEPLOY / 'prometheus-alerts.yml'}",
        "scrape_interval: 30s": f"scrape_interval: {SCRAPES_EVERY_S}s",
    }.items():
        assert old in configuration, old
        configuration = configuration.replace(old, new)
    # How often rules are evaluated is for all of Prometheus, so it is no part of the file.
    configuration += f"\nglobal: {{evaluation_interval: {SCRAPES_EVERY_S}s}}\n"
    (directory / "prometheus.yml").write_text(configuration)
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    prometheus = Prometheus(port)
    try:
        eventually(prometheus.is_scraping, within_s=TIMEOUT_S)
        yield prometheus
    finally:
        process.kill()
        process.wait(TIMEOUT_S)
