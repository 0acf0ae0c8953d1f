"""What the readers' tests share: programs built once, archives downloaded once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.archives import Archives, archives_of_specimens
from harness.readers import Toolbox


@pytest.fixture(scope="session")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    return Toolbox(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archives]:
    with archives_of_specimens(tmp_path_factory.mktemp("specimens")) as archives:
        yield archives
