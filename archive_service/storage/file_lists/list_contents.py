"""A list that was read: what it names, in the form in which it is looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archive_service.archive.id import ArchiveId
from archive_service.storage.file_lists.list_model import (
    ListBroken,
    ListedText,
    read_list,
)
from archive_service.storage.wanted_tree import WantedTree

_MOST_DIRECTORIES = 500_000
"""Of all paths together: a directory of the tree of names takes some 400 bytes."""
_BYTES_PER_LIST = 9000
_BYTES_PER_ENTRY = 300
"""Beside the text of one."""


@dataclass(frozen=True, eq=False)
class FileList:
    """A list; entries are numbered as in its file."""

    origins: Sequence[bytes]
    """The path of each entry below the root, its album in front; with a slash behind it, that of a
    directory.  For a text a slash and its number: no album is named so."""
    names: Sequence[bytes]
    """Their names in the archive, or what the names of a directory's files begin with."""
    texts: Mapping[int, bytes]
    wanted: Mapping[ArchiveId, WantedTree]
    """What is wanted of each album."""
    download_name: str | None
    skips_missing: bool

    @classmethod
    def of(cls, content: bytes) -> FileList:
        """Read a list; raise ListBroken."""
        model = read_list(content)
        origins: list[bytes] = []
        names: list[bytes] = []
        texts: dict[int, bytes] = {}
        wanted: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for number, entry in enumerate(model.files):
            if isinstance(entry, ListedText):
                texts[number] = entry.text.encode()
                origins.append(b"/%d" % number)
                names.append(entry.name.encode())
                continue
            origin = entry.path.encode()
            album, _, path = origin.partition(b"/")
            wanted[album].append(path)
            origins.append(origin)
            name = path if entry.name is None else entry.name.encode()
            names.append(_as_directory(name) if origin.endswith(b"/") else name)
        _check_directories(origins)
        trees = {ArchiveId(key.decode()): WantedTree.of(paths) for key, paths in wanted.items()}
        download_name = (model.name or "").strip() or None
        return cls(origins, names, texts, trees, download_name, model.missing == "skip")

    @cached_property
    def order(self) -> Sequence[int] | None:
        """The entries in the order of their names; None where entry and file differ.

        They are the same where no entry is a directory and no two have one name.
        """
        has_directories = any(origin.endswith(b"/") for origin in self.origins)
        if has_directories or len(set(self.names)) < len(self.names):
            return None
        return sorted(range(len(self.names)), key=self.names.__getitem__)

    @cached_property
    def sorted_names(self) -> list[bytes]:
        """The names in `order`."""
        return [self.names[number] for number in self.order or ()]

    @cached_property
    def sorted_origins(self) -> list[bytes]:
        """The origins in `order`."""
        return [self.origins[number] for number in self.order or ()]

    @property
    def memory_bytes(self) -> int:
        """About how much memory the list takes."""
        of_texts = sum(map(len, self.texts.values()))
        return _BYTES_PER_LIST + _BYTES_PER_ENTRY * len(self.origins) + of_texts


def _check_directories(origins: Sequence[bytes]) -> None:
    """Raise ListBroken for a list that would take gigabytes of memory, though it is small."""
    directories = {origin.rpartition(b"/")[0] for origin in origins}
    if sum(directory.count(b"/") for directory in directories) > _MOST_DIRECTORIES:
        raise ListBroken("too large", "files: are in too many directories")


def _as_directory(name: bytes) -> bytes:
    return name if not name or name.endswith(b"/") else name + b"/"
