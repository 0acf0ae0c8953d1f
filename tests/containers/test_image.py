"""What the image is made of."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from containers.engine import BASE_IMAGE, Engine
from harness.server import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib

pytestmark = pytest.mark.containers

OWN_BYTES = 32_000_000
"""The most that the image may add to its base image."""
COMPILERS = ("gcc", "cc", "c++", "clang", "ld", "as", "make")
INSTALLED = """
import importlib.metadata as m, json
print(json.dumps({d.name.lower().replace("_", "-"): d.version for d in m.distributions()}))
"""


def run(engine: Engine, image: str, *command: str) -> str:
    return engine.docker("run", "--rm", "--network=none", image, *command)


def locked_for_service() -> list[dict[str, Any]]:
    lock = tomllib.loads((REPOSITORY / "poetry.lock").read_text())
    return [package for package in lock["package"] if "main" in package["groups"]]


def installed(engine: Engine, image: str) -> set[tuple[str, str]]:
    """Return names and versions of the libraries in the image."""
    return set(json.loads(run(engine, image, "python", "-I", "-c", INSTALLED)).items())


def layers(engine: Engine, image: str) -> list[str]:
    return json.loads(engine.docker("image", "inspect", "--format={{json .RootFS.Layers}}", image))


def size_bytes(engine: Engine, image: str) -> int:
    return int(engine.docker("image", "inspect", "--format={{.Size}}", image))


def test_image_adds_little_to_its_base(engine: Engine, image: str) -> None:
    assert size_bytes(engine, image) - size_bytes(engine, BASE_IMAGE) < OWN_BYTES


def test_image_has_no_compiler_and_no_installer(engine: Engine, image: str) -> None:
    script = f"command -v {' '.join(COMPILERS)} poetry; ls /opt/*/lib/*/site-packages; ls /app"
    found = run(engine, image, "sh", "-c", f"{script}; true").split()
    assert "server.py" in found
    for name in (*(f"/usr/bin/{compiler}" for compiler in COMPILERS), "pip", "setuptools"):
        assert name not in found


@pytest.mark.slow  # builds an image of its own
def test_extras_are_in_the_image_that_is_built_with_them(engine: Engine, image: str) -> None:
    built = f"{image}:tracing"
    arguments = ("--build-arg", "EXTRAS=tracing", "--tag", built, str(REPOSITORY))
    engine.run(["docker", "build", *arguments], DOCKER_BUILDKIT="1")
    added = installed(engine, built) - installed(engine, image)
    assert "opentelemetry-sdk" in {name for name, _ in added}
    asked = "from archive_service.observe import span_export; span_export.require_good_variables()"
    run(engine, built, "python", "-c", asked)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of Python 3.11")
def test_what_is_installed_is_what_the_lock_file_says(engine: Engine, image: str) -> None:
    locked = {(package["name"], package["version"]) for package in locked_for_service()}
    there = installed(engine, image)
    assert {"aiohttp", "zlib-ng", "jinja2"} <= {name for name, _ in there}
    assert there <= locked


def test_small_files_are_read_by_the_compiled_part(engine: Engine, image: str) -> None:
    run(engine, image, "python", "-c", "import archive_service.storage.local._smallfiles")


def test_image_is_run_by_a_user_with_a_number(engine: Engine, image: str) -> None:
    user = engine.docker("image", "inspect", "--format={{.Config.User}}", image)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_image_says_what_it_is(engine: Engine, image: str) -> None:
    labels = json.loads(
        engine.docker("image", "inspect", "--format={{json .Config.Labels}}", image)
    )
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}title"] == "archive-service"
    assert labels[f"{prefix}licenses"] == "MIT"
    assert (
        f'version = "{labels[f"{prefix}version"]}"' in (REPOSITORY / "pyproject.toml").read_text()
    )


@pytest.mark.slow  # builds an image of its own
def test_another_checkout_makes_the_same_layers(engine: Engine, image: str, tmp_path: Path) -> None:
    """Other times and stricter mode bits, and nothing out of a cache."""
    checkout = tmp_path / "checkout"
    shutil.copytree(
        REPOSITORY,
        checkout,
        copy_function=shutil.copyfile,
        ignore=shutil.ignore_patterns(".*", "tests", "__pycache__", "*.so"),
    )
    shutil.copy(REPOSITORY / ".dockerignore", checkout)
    subprocess.run(["chmod", "-R", "u=rwX,go=", checkout], check=True)
    engine.run(
        ["docker", "build", "--no-cache", "--tag", f"{image}:again", str(checkout)],
        DOCKER_BUILDKIT="1",
    )
    assert layers(engine, f"{image}:again") == layers(engine, image)


def test_nothing_in_the_build_is_for_one_architecture() -> None:
    built = (REPOSITORY / "Dockerfile").read_text() + (
        REPOSITORY / "tools" / "compile_smallfiles.py"
    ).read_text()
    assert not re.search(r"amd64|x86|arm64|aarch64|--platform|-march", built)
    assert "**/*.so" in (REPOSITORY / ".dockerignore").read_text().splitlines()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is of Python 3.11")
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_no_library_needs_a_compiler_on(architecture: str, engine: Engine, image: str) -> None:
    there = installed(engine, image)
    for package in locked_for_service():
        if (package["name"], package["version"]) not in there:
            continue
        wheels = [file["file"] for file in package["files"] if file["file"].endswith(".whl")]
        fits = re.compile(rf"-any\.whl$|-cp3\d+-(cp312|abi3)-manylinux.*{architecture}")
        assert any(map(fits.search, wheels)), package["name"]
