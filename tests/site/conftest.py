"""The container engine and the project in it are those of the container tests."""

from containers.conftest import engine, image, site

__all__ = ("engine", "image", "site")
