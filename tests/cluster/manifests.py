"""The manifests of deploy/kubernetes, as objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from harness.server import REPOSITORY

DIRECTORY = REPOSITORY / "deploy" / "kubernetes"
VALUES = DIRECTORY / "prometheus-adapter.yaml"
"""Values of a chart, which is no object."""
KUSTOMIZATION = DIRECTORY / "kustomization.yaml"
SECRET = DIRECTORY / "secret.example.yaml"
"""Applied by hand, filled in."""

Object = Mapping[str, Any]


def files() -> list[Path]:
    """Return the files that hold objects of the cluster."""
    return sorted({*DIRECTORY.glob("*.yaml")} - {VALUES, KUSTOMIZATION})


@cache
def objects() -> list[Object]:
    return [each for path in files() for each in yaml.safe_load_all(path.read_text())]


def of_kind(kind: str) -> Iterator[Object]:
    return (each for each in objects() if each["kind"] == kind)


def the(kind: str, name: str = "archive-service") -> Object:
    (found,) = (each for each in of_kind(kind) if each["metadata"]["name"] == name)
    return found


def pod(name: str = "archive-service") -> Object:
    return the("Deployment", name)["spec"]["template"]


def container(name: str = "archive-service") -> Object:
    (found,) = pod(name)["spec"]["containers"]
    return found


def ports(name: str = "archive-service") -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container(name)["ports"]}


def settings() -> dict[str, str]:
    return the("ConfigMap")["data"]


def selected(labels: Mapping[str, str]) -> list[str]:
    """Return the deployments whose pods have these labels."""
    return [
        each["metadata"]["name"]
        for each in of_kind("Deployment")
        if labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()
    ]
