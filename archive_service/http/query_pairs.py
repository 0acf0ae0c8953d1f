"""Reads the parameters of a query, in the ways that sites and mail programs write them.

Mail programs and content management systems write a link's `&` as `&amp;`, as HTML has it, where
nothing turns it back.  Then `?file=1.jpg&amp;file=2.jpg` has a parameter `amp;file`, which means
`file`.  Only an `amp;` with text behind it and no `=` may mean something else: `?name=A&amp;B` may
be a name "A&B" that was not percent-encoded, or a name "A" and a parameter "B".

PHP and libraries for browsers write a list as `file[]=1.jpg&file[]=2.jpg` or with an index,
`file[0]=1.jpg`.  That means `file`, too: an unknown parameter is ignored, and whoever chose two
files would get the whole album.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

_ESCAPED_AMPERSANDS = re.compile(r"\A(?:amp;)+", re.IGNORECASE)
_LIST_INDEX = re.compile(r"\[[0-9]*\]\Z")
_WITHOUT_VALUE = frozenset(("", "summary"))
"""Parameters that need no `=`."""


@dataclass(frozen=True, slots=True)
class QueryPairs:
    """The parameters of a query, decoded, in their order."""

    pairs: tuple[tuple[str, str], ...]
    """Bytes that are not UTF-8 are lone surrogates, which no name may have and no file has."""
    is_ambiguous: bool
    """Whether an `&amp;` in it may be a separator or a part of a value."""

    def values(self, name: str) -> list[str]:
        """Return the values of a parameter."""
        return [value for each, value in self.pairs if each == name]


def query_pairs(query: str) -> QueryPairs:
    """Read a query as it stands in the URL."""
    pairs, is_ambiguous = [], False
    for segment in filter(None, query.split("&")):
        name, equals, value = segment.partition("=")
        name = _decoded(name)
        meant = _ESCAPED_AMPERSANDS.sub("", name)
        is_ambiguous |= meant != name and meant not in _WITHOUT_VALUE and not equals
        pairs.append((_LIST_INDEX.sub("", meant), _decoded(value)))
    return QueryPairs(tuple(pairs), is_ambiguous)


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="surrogateescape")
