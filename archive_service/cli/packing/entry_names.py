"""Names the files and directories of the command line in the archive.

Of several with one base name the first on the command line keeps it, the next gets " (2)", then
" (3)" ...: before the extension of a file, after the name of a directory.  The content of the
directories is named by `archive.naming`, which ignores the order.
"""

from __future__ import annotations

from archive_service.archive.naming import NameRules, archive_names, collision_key, numbered
from archive_service.cli.packing.sources import Root, Sources


def packed_names(sources: Sources, rules: NameRules) -> list[bytes]:
    """Return the name in the archive of each source, UTF-8."""
    distinct = _DistinctNames(rules)
    return archive_names(sources.renamed(list(map(distinct.take, sources.roots))), rules)


class _DistinctNames:
    """Returns names that stay distinct on every disk that the rules support."""

    def __init__(self, rules: NameRules) -> None:
        self._rules = rules
        # The last number used for a name, or a thousand equal names would take a million tries.
        self._numbers: dict[str, int] = {}

    def take(self, root: Root) -> bytes:
        wanted = archive_names([root.name], self._rules)[0].decode()
        slash = "/" if root.is_directory else ""
        name, number = wanted, self._numbers.get(self._key(wanted), 1)
        while self._key(name) in self._numbers:
            number += 1
            name = numbered(wanted + slash, number).removesuffix("/")
        self._numbers[self._key(wanted)] = number
        self._numbers.setdefault(self._key(name), 1)
        return name.encode()

    def _key(self, name: str) -> str:
        return collision_key(name, self._rules)
