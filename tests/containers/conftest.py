"""What the container tests share: an engine, and the project as an operator has it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from containers.engine import Engine, NoEngine, engine_for_tests
from containers.site import Site, site_in


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(engine_for_tests())
        except NoEngine as reason:
            pytest.skip(str(reason))
        yield running


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
