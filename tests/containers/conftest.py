"""What the container tests share: an engine, and the project as an operator has it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from containers.engine import Engine, NoEngine, engine_for_tests
from containers.podman import podman_for_tests
from containers.site import Site, site_in

BY_PODMAN_AS_WELL = ("test_compose", "test_host_network")
"""Modules whose tests run by Podman, too, with `-m "containers and slow"`."""

BY_PODMAN_ALONE = "test_podman_compose"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    name = metafunc.module.__name__.rpartition(".")[2]
    docker = pytest.param(engine_for_tests, id="docker")
    podman = pytest.param(podman_for_tests, id="podman", marks=pytest.mark.slow)
    engines = {BY_PODMAN_ALONE: [podman]} | {each: [docker, podman] for each in BY_PODMAN_AS_WELL}
    if "engine" in metafunc.fixturenames and name in engines:
        metafunc.parametrize("engine", engines[name], indirect=True, scope="session")


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A container engine: Docker, unless the test says another."""
    start = getattr(request, "param", engine_for_tests)
    with ExitStack() as stack:
        try:
            running = stack.enter_context(start())
        except NoEngine as reason:
            pytest.skip(str(reason))
        yield running


@pytest.fixture
def by_systemd(engine: Engine) -> None:
    """Skip where the engine leaves health checks to a systemd that is not there."""
    if engine.is_podman and not Path("/run/systemd/private").exists():
        pytest.skip("Podman has systemd look at the health of containers")


@pytest.fixture(scope="session")
def image_in_the_making(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Future[str]]:
    """The image, which compose takes a minute to build: for who has something to do meanwhile."""
    # Here, as pytest clears what its directories lie in at the first request, from any thread.
    directory = tmp_path_factory.mktemp("image")

    def build() -> str:
        with site_in(directory, engine) as site:
            site.compose("build")
            return site.variables["IMAGE"]

    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(build)


@pytest.fixture(scope="session")
def image(image_in_the_making: Future[str]) -> str:
    """The name of the image, built as compose builds it."""
    return image_in_the_making.result()


@pytest.fixture
def site(image: str, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that has the image and has started nothing yet."""
    with site_in(tmp_path_factory.mktemp("site"), engine) as site:
        yield site
