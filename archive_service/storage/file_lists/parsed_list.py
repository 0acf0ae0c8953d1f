"""A list that was read: what it names, in the form in which it is looked up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive_service.archive.id import ArchiveId
from archive_service.storage.file_lists.list_model import ListedText, ListModel, read_list
from archive_service.storage.wanted import WantedTree


@dataclass(frozen=True, slots=True, eq=False)
class FileList:
    """A list; entries are numbered as in its file."""

    origins: Sequence[bytes]
    """The path of each entry below the root, its album in front; with a slash behind it, that of a
    directory; empty for a text."""
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
        return cls.made(read_list(content))

    @classmethod
    def made(cls, model: ListModel) -> FileList:
        """Make a list of what was read."""
        origins: list[bytes] = []
        names: list[bytes] = []
        texts: dict[int, bytes] = {}
        wanted: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for number, entry in enumerate(model.files):
            if isinstance(entry, ListedText):
                texts[number] = entry.text.encode()
                origins.append(b"")
                names.append(entry.name.encode())
                continue
            origin = entry.path.encode()
            album, _, path = origin.partition(b"/")
            wanted[album].append(path)
            origins.append(origin)
            name = path if entry.name is None else entry.name.encode()
            names.append(_as_directory(name) if origin.endswith(b"/") else name)
        trees = {ArchiveId(key.decode()): WantedTree.of(paths) for key, paths in wanted.items()}
        download_name = None if model.name is None else model.name.strip()
        return cls(origins, names, texts, trees, download_name, model.missing == "skip")

    def __len__(self) -> int:
        return len(self.origins)


def _as_directory(name: bytes) -> bytes:
    return name if not name or name.endswith(b"/") else name + b"/"
