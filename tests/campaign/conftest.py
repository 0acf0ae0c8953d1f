"""What the campaign shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count

import pytest
from campaign.faults import Scene
from campaign.site import Site

_numbers = count()


@pytest.fixture
def name() -> str:
    """An album's name that no other test has."""
    return f"{next(_numbers):06d}{os.urandom(13).hex()}"


@pytest.fixture
def scene(site: Site, name: str) -> Iterator[Scene]:
    """A scene on the site of the test's module."""
    scene = Scene(site, name)
    yield scene
    scene.clear()


@pytest.fixture(params=["first", "indexed"])
def begun_scene(request: pytest.FixtureRequest, scene: Scene) -> Scene:
    """A scene of which nothing is known, and one all of whose checksums are."""
    if request.param == "indexed":
        scene.index()
    scene.begin()
    return scene
