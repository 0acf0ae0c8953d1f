"""Entity tags (RFC 9110 section 8.8.3): reading lists of them, and the two comparisons.

An entity tag keeps its quotes and its weakness indicator.  The entity tag of an archive is made in
`archive/entity_tag.py`.
"""

from __future__ import annotations

import re

ANY = "*"

# entity-tag = [ %s"W/" ] DQUOTE *etagc DQUOTE; etagc is VCHAR except double quotes, plus obs-text:
# all but these.  A comma may stand within, and a backslash is no escape.
_ENTITY_TAG = r'(?:W/)?"[^\x00-\x20"\x7f]*"'
_ONE = re.compile(_ENTITY_TAG)
_MEMBER = re.compile(rf"[ \t]*(?:({_ENTITY_TAG})[ \t]*)?(?:,|\Z)")


def is_entity_tag(value: str) -> bool:
    """Return whether a value is exactly one entity tag."""
    return _ONE.fullmatch(value) is not None


# RFC 9110 section 5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list
# elements."
def parse_entity_tags(value: str) -> tuple[str, ...]:
    """Return the members of a list of entity tags; none if the list is malformed.

    So a malformed If-Match fails and a malformed If-None-Match sends the content: both are safe.
    """
    tags = []
    position = 0
    while position < len(value):
        member = _MEMBER.match(value, position)
        if member is None:
            return ()
        if member[1]:
            tags.append(member[1])
        position = member.end()
    return tuple(tags)


# RFC 9110 section 8.8.3.2: "two entity tags are equivalent if both are not weak and their
# opaque-tags match character-by-character."
def strong_match(tag: str, other: str) -> bool:
    """Compare two entity tags where the bytes must be equal."""
    return tag == other and not tag.startswith("W/")


# RFC 9110 section 8.8.3.2: "two entity tags are equivalent if their opaque-tags match
# character-by-character, regardless of either or both being tagged as 'weak'."
def weak_match(tag: str, other: str) -> bool:
    """Compare two entity tags where equivalent content is enough."""
    return tag.removeprefix("W/") == other.removeprefix("W/")
