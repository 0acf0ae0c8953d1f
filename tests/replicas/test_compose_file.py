"""deploy/docker-compose.replicas.yml fits the project's compose file and HAProxy's file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from front.fronts import path_of
from harness.server import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
HAPROXY = DEPLOY / "haproxy-replicas.cfg"
SECONDS = {"s": 1, "m": 60}


class Loader(yaml.SafeLoader):
    """Reads compose's own tag, which takes away what another file has."""


Loader.add_constructor("!reset", lambda _loader, _node: None)


def services(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), Loader)["services"]  # a SafeLoader


REPLICAS = services(DEPLOY / "docker-compose.replicas.yml")
ALONE = services(REPOSITORY / "docker-compose.yml")


def default(value: str) -> str:
    """Return what `${NAME:-default}` is without the variable."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)


def environment_of(name: str) -> dict[str, str]:
    return {key: default(value) for key, value in REPLICAS[name]["environment"].items()}


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([sm])", duration).groups()  # type: ignore[union-attr]
    return int(number) * SECONDS[unit]


def test_the_one_service_becomes_several_without_a_port_of_the_machine() -> None:
    assert int(default(REPLICAS["archive"]["deploy"]["replicas"])) > 1
    assert REPLICAS["archive"]["ports"] is None
    assert REPLICAS["balancer"]["ports"] == ALONE["archive"]["ports"]


def test_each_has_what_it_waits_for() -> None:
    for service in REPLICAS.values():
        assert service.get("depends_on", {}).keys() <= REPLICAS.keys()
    host = re.fullmatch(r"redis://(\w+):6379/0", environment_of("archive")["INDEX_URL"])
    assert host
    assert "healthcheck" in REPLICAS[host[1]]
    assert default(REPLICAS["archive"]["build"]["args"]["EXTRAS"]) == "redis"


@pytest.mark.parametrize("name", ["archive", "balancer"])
def test_downloads_have_their_time(name: str) -> None:
    timeout_s = float(environment_of("archive")["SHUTDOWN_TIMEOUT"])
    assert seconds(REPLICAS[name]["stop_grace_period"]) > timeout_s
    end_s = re.search(r"hard-stop-after (\w+)", HAPROXY.read_text())
    assert end_s
    assert timeout_s <= seconds(end_s[1]) < seconds(REPLICAS["balancer"]["stop_grace_period"])


def test_haproxy_finds_the_replicas_and_their_readiness() -> None:
    own = {**ALONE["archive"]["environment"], **environment_of("archive")}
    template = f"archive:{own['PORT']} check port {own['MONITOR_PORT']} "
    assert template in HAPROXY.read_text()
    assert own["MONITOR_HOST"] == own["HOST"] == "0.0.0.0"
    published = REPLICAS["balancer"]["ports"][0].rpartition(":")[2]
    assert f"bind :{published}\n" in HAPROXY.read_text()
    mounted = [volume.split(":")[0] for volume in REPLICAS["balancer"]["volumes"]]
    assert [REPOSITORY / path for path in mounted] == [HAPROXY]


@pytest.mark.parametrize("name", ["index", "balancer"])
def test_what_stands_beside_the_service_has_no_right_that_it_need_not(name: str) -> None:
    service = REPLICAS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_haproxy_takes_its_configuration() -> None:
    command = [path_of("haproxy"), "-c", "-f", str(HAPROXY)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


def test_compose_puts_both_files_together(tmp_path: Path) -> None:
    command = ["docker", "compose"]
    try:
        subprocess.run([*command, "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no `docker compose` on this machine")
    (tmp_path / "env").write_text(f"PHOTOS_DIR={tmp_path}\nREPLICAS=4\n")
    command += ["--env-file", str(tmp_path / "env"), "--file", "docker-compose.yml"]
    command += ["--file", "deploy/docker-compose.replicas.yml", "config"]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    found = yaml.safe_load(made.stdout)["services"]
    assert "ports" not in found["archive"]
    assert found["archive"]["deploy"]["replicas"] == 4
    assert found["archive"]["environment"]["PHOTOS_DIR"] == "/photos"
    assert [port["target"] for port in found["balancer"]["ports"]] == [8080]
