"""The names in an archive of what was named on the command line.

Of several with one base name the first on the command line keeps it, the next gets " (2)", then
" (3)" ...: before the extension of a file, behind the name of a directory.  What lies in the
directories is named by the rules of `archive.naming`, which know no order.
"""

from __future__ import annotations

from archive_service.archive.naming import NameRules, archive_names, collision_key, numbered
from archive_service.cli.packing.sources import Root, Sources


def packed_names(sources: Sources, rules: NameRules) -> list[bytes]:
    """Return the name in the archive of each source, UTF-8."""
    distinct = _DistinctNames(rules)
    return archive_names(sources.renamed(list(map(distinct.take, sources.roots))), rules)


class _DistinctNames:
    """Hands out names that stay distinct on any disk that the rules are for."""

    def __init__(self, rules: NameRules) -> None:
        self._rules = rules
        # The last number given for a name: a thousand of one name would cost a million looks.
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
