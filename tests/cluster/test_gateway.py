"""The manifests for the Gateway API fit its schemas, the others, and each other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest
import yaml
from cluster.manifests import the
from harness.readers import need
from harness.server import REPOSITORY

DIRECTORY = REPOSITORY / "deploy" / "kubernetes-gateway"
VALIDATOR = REPOSITORY / "tests" / "cluster" / "gateway_schema.js"
PACKAGE = "@kubernetes-models/gateway-api"


def objects() -> list[dict[str, Any]]:
    paths = (DIRECTORY / "gateway.yaml", DIRECTORY / "httproute.yaml")
    return [each for path in paths for each in yaml.safe_load_all(path.read_text())]


def validated(checked: Sequence[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    need("node")
    found = subprocess.run(
        ["node", "-e", f"require.resolve('{PACKAGE}/gateway.networking.k8s.io/v1')"],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    if found.returncode:
        pytest.skip(f"Node has no {PACKAGE}: npm install it, and name its directory in NODE_PATH")
    return subprocess.run(
        ["node", str(VALIDATOR)],
        input=json.dumps(checked),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )


def test_every_object_fits_its_schema() -> None:
    done = validated(objects())
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(objects()) == 3


@pytest.mark.parametrize(("name", "value"), [("request", "0 s"), ("requst", "0s")])
def test_a_wrong_field_is_noticed(name: str, value: str) -> None:
    changed = deepcopy(objects())
    changed[1]["spec"]["rules"][0]["timeouts"][name] = value
    assert validated(changed).returncode != 0


def test_routes_belong_to_listeners_and_one_leads_to_the_archives_alone() -> None:
    gateway, archives, redirect = objects()
    listeners = [each["name"] for each in gateway["spec"]["listeners"]]
    parents = [route["spec"]["parentRefs"][0] for route in (archives, redirect)]
    assert [each["sectionName"] for each in parents] == listeners
    assert {each["name"] for each in parents} == {gateway["metadata"]["name"]}
    (rule,) = archives["spec"]["rules"]
    (match,) = rule["matches"]
    assert match == {"path": {"type": "PathPrefix", "value": "/archive/"}}
    (backend,) = rule["backendRefs"]
    (port,) = the("Service", backend["name"])["spec"]["ports"]
    assert (backend["port"], port["name"]) == (port["port"], "archives")


def test_downloads_have_no_end_and_their_fields_are_short() -> None:
    _, archives, _ = objects()
    (rule,) = archives["spec"]["rules"]
    assert set(rule["timeouts"].values()) == {"0s"}
    (modifier,) = rule["filters"]
    removed = modifier["requestHeaderModifier"]["remove"]
    assert {*removed} == {"Forwarded", "Cookie", "Referer"}


def test_name_and_certificate_are_those_of_the_ingress() -> None:
    gateway, *routes = objects()
    ingress = the("Ingress")["spec"]
    (name,) = ingress["tls"][0]["hosts"]
    assert {each["hostname"] for each in gateway["spec"]["listeners"]} == {name}
    assert all(route["spec"]["hostnames"] == [name] for route in routes)
    (certificate,) = gateway["spec"]["listeners"][0]["tls"]["certificateRefs"]
    assert certificate["name"] == ingress["tls"][0]["secretName"]


def test_kustomize_puts_the_gateway_in_the_place_of_the_ingress() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    command = ["kubectl", "kustomize", str(DIRECTORY)]
    built = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    made = list(yaml.safe_load_all(built))
    kinds = [each["kind"] for each in made]
    assert "Ingress" not in kinds
    assert kinds.count("Gateway") == 1
    assert {each["metadata"].get("namespace", "archive") for each in made} == {"archive"}
    (policy,) = (
        each["spec"]
        for each in made
        if (each["kind"], each["metadata"]["name"]) == ("NetworkPolicy", "archive-service")
    )
    archives, monitoring = policy["ingress"]
    assert "envoy-gateway-system" in str(archives["from"])
    assert "prometheus" in str(monitoring["from"])
