r"""The names of an archive's entries: how a path on the server is named on the visitor's disk.

Theory of operation.  Paths are named component by component, one directory after another:

1. Its bytes are decoded: UTF-8 where valid, else the fallback encoding.  Then NFC, because a Mac
   stores NFD and other systems would show a second, different name.
2. Characters that some systems can't store, or that could do harm, are replaced.
3. Names that a case-insensitive disk would confuse get a number: " (2)", " (3)" ...

The names in a directory depend only on its children, so a file that is added or removed elsewhere
renames nothing here.  A renamed directory is renamed for everything below it.  Two directories
never become one.

Two names are equal if the NFC forms of their full case foldings are equal (Unicode 3.13).  At worst
a name gets a number that its reader's disk does not need.

Exact names change only where they could lead out of the directory they are unpacked to: "..", a
leading slash, and what Windows treats like these, a `\` and a drive letter.  All other names keep
their case and length.

Not done: CLOCK$ of Windows 9x; invisible characters, which HFS+ ignores in comparisons; the length
of a whole path.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from itertools import count, repeat
from operator import itemgetter
from typing import Generic, TypeVar
from unicodedata import normalize

from archive_service.archive.long_columns import as_list, in_pieces

MAX_COMPONENT_BYTES = 255
"""The longest name that Linux takes; Windows and macOS take 255 UTF-16 units or characters."""
_MAX_SUFFIX_BYTES = 32  # of "name.suffix"; a longer one is no file type, so a cut may shorten it
_FIRST_NUMBER = 2
_Key = TypeVar("_Key", bound=Hashable)

_FORBIDDEN = r'\\:*?"<>|'  # by Windows; `/` separates, everywhere
# Bidirectional controls (Unicode UAX 9), with which "gpj.exe" reads "exe.jpg", and line breaks.
_DISGUISE = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029"
# https://learn.microsoft.com/windows/win32/fileio/naming-a-file, "Naming Conventions": whatever
# the letters' case and the extension.  CONIN$ and CONOUT$ are from "Console Handles".
_DEVICES = r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]|conin\$|conout\$)"

# Texts, which `re` compiles when they are first used: plain names need none of them, and to compile
# them takes a twentieth of the time to pack a small file.
_DEVICE = rf"(?i:{_DEVICES} *(?:\.|/?\Z))"
# Windows drops dots and spaces at the end of a component, which makes it another name.
_UNPORTABLE = rf"[{_FORBIDDEN}{_DISGUISE}\0-\x1f\x7f-\x9f]|[. ](?=[. ]*/?\Z)|\A(?=/?\Z)"
# The same is why ".. " is no safer than "..".
_UNSAFE = r"[\\\0]|\A(?:[. ]*\.[. ]*)?(?=/?\Z)"
_DRIVE_COLON = r"(?s:(?<=\A.):)"  # Windows takes any character before it
_UNDECODED = "[\ufffd\ud800-\udfff/\0]"  # the last two: encodings that shift

# The alphabet and the shape of plain names, see `_are_plain`.
_SEPARATOR = b"\n"
_PLAIN = bytes(set(range(0x20, 0x7F)) - set(_FORBIDDEN.encode())) + _SEPARATOR
_SHAPE = bytes.maketrans(b" " + _SEPARATOR, b"./")
_NOT_PLAIN = re.compile(rf"/(?:/|{_DEVICES}\.*[./])".encode())


@dataclass(frozen=True, slots=True)
class NameRules:
    """The rules that names in an archive obey."""

    portable: bool = True
    """Whether names are made safe for every system; otherwise they stay exact where safe."""
    fallback_encoding: str = "cp1251"
    """Decodes names that are not UTF-8, which FTP clients still send.  A superset of ASCII."""


def archive_names(paths: Sequence[bytes], rules: NameRules) -> list[bytes]:
    """Return the name in the archive of each path, UTF-8.

    Paths are relative, '/'-separated, bytes as stored; a trailing slash marks a directory and is
    kept.  The names depend on the set of paths alone; distinct paths get distinct names.
    """
    if _are_plain(paths):
        return as_list(paths)
    children = _children(paths)
    names = {b"": b""}
    for directory in sorted(children):  # a parent stands before its children
        for child, name in _child_names(directory, children[directory], rules).items():
            names[directory + child] = names[directory] + name
    return [names[path] for path in paths]


def original_name(path: bytes, rules: NameRules) -> str:
    """Return the name of a path before it is made portable: decoded, NFC."""
    return "/".join(_decoded(part, rules.fallback_encoding) for part in path.split(b"/"))


def collision_key(name: str, rules: NameRules) -> str:
    """Return a key that is equal for two names which one directory can't hold together."""
    return _caseless(name) if rules.portable else _spelled(name)


def numbered(name: str, number: int) -> str:
    """Return a name with a number: before the extension of a file, behind a directory's name."""
    stem, suffix = _stem_and_suffix(name)
    return _joined(stem, f" ({number}){suffix}")


class NumberedNames(Generic[_Key]):
    """Finds names with a number for names that are taken; `taken` has the keys of all names."""

    def __init__(self, taken: set[_Key]) -> None:
        self._taken = taken
        # Names with the same first try share a counter, so a thousand equal names need few tries.
        self._numbers: defaultdict[_Key, Iterator[int]]
        self._numbers = defaultdict(lambda: count(_FIRST_NUMBER))

    def take(self, name: str, key: Callable[[str], _Key]) -> str:
        """Take the first number with which a name is free, and return the name with it."""
        numbers = self._numbers[key(numbered(name, _FIRST_NUMBER))]
        tries = (numbered(name, number) for number in numbers)
        found = next(each for each in tries if key(each) not in self._taken)
        self._taken.add(key(found))
        return found


def _are_plain(paths: Sequence[bytes]) -> bool:
    """Return True if it is certain, after a quick look, that every name is its path.

    Most albums are plain: ASCII that no rule touches, and no two names differ in case alone.
    """
    lowered: set[bytes] = set()
    for piece in in_pieces(paths):
        lines = _SEPARATOR.join((b"", *piece, b"")).lower().replace(b"/" + _SEPARATOR, _SEPARATOR)
        if not _have_plain_letters(lines, piece):
            return False
        lowered.update(lines.split(_SEPARATOR))
    lowered.discard(b"")  # around the lines
    return _are_distinct(lowered, paths)


def _have_plain_letters(lines: bytes, paths: Sequence[bytes]) -> bool:
    return (
        lines.count(_SEPARATOR) == len(paths) + 1
        and not lines.translate(None, _PLAIN)
        and not _has_unportable_shape(lines.translate(_SHAPE))
        and max(map(len, paths), default=0) <= MAX_COMPONENT_BYTES
    )


def _has_unportable_shape(shape: bytes) -> bool:
    # In the shape a space is a dot, and every end of a component is a slash.
    return b"./" in shape or _NOT_PLAIN.search(shape) is not None


def _are_distinct(lowered: AbstractSet[bytes], paths: Sequence[bytes]) -> bool:
    directories = _directories(paths)
    lowered_directories = {directory.lower() for directory in directories}
    return (
        len(lowered) == len(paths)
        and len(lowered_directories) == len(directories)
        and lowered_directories.isdisjoint(lowered)
    )


def _directories(paths: Sequence[bytes]) -> AbstractSet[bytes]:
    found: set[bytes] = set()
    parents: set[bytes] = set()
    for piece in in_pieces(paths):
        parents |= _parents(map(bytes.removesuffix, piece, repeat(b"/")))
    while not parents <= found:
        found |= parents
        parents = _parents(parents)
    return found - {b""}


def _parents(paths: Iterable[bytes]) -> set[bytes]:
    return set(map(itemgetter(0), map(bytes.rpartition, paths, repeat(b"/"))))


def _children(paths: Sequence[bytes]) -> Mapping[bytes, AbstractSet[bytes]]:
    """Return the children of each directory; directories end in a slash, the root is empty."""
    children: defaultdict[bytes, set[bytes]] = defaultdict(set)
    for path in paths:
        directory, child = _split(path)
        while child and child not in children[directory]:  # the root is no child
            children[directory].add(child)
            directory, child = _split(directory)
    return children


def _split(path: bytes) -> tuple[bytes, bytes]:
    start = path.rfind(b"/", 0, -1) + 1
    return path[:start], path[start:]


def _child_names(
    directory: bytes, children: AbstractSet[bytes], rules: NameRules
) -> Mapping[bytes, bytes]:
    safe = _safe_name(directory, rules)
    wanted = {child: safe(original_name(child, rules)) for child in children}
    return _distinct(wanted, partial(collision_key, rules=rules))


def _safe_name(directory: bytes, rules: NameRules) -> Callable[[str], str]:
    if rules.portable:
        return _portable
    return _exact if directory else _exact_in_root


def _decoded(component: bytes, fallback_encoding: str) -> str:
    try:
        text = component.decode()
    except UnicodeDecodeError:
        text = re.sub(_UNDECODED, "_", component.decode(fallback_encoding, "replace"))
    return normalize("NFC", text)


def _portable(name: str) -> str:
    name = _fitting(name)
    return _fitting(f"_{name}") if re.match(_DEVICE, name) else name


def _fitting(name: str) -> str:
    # Replaced after the cut: the cut may uncover a dot or a space.
    return re.sub(_UNPORTABLE, "_", _joined(*_stem_and_suffix(name)))


def _exact(name: str) -> str:
    return re.sub(_UNSAFE, "_", name)


def _exact_in_root(name: str) -> str:
    return _exact(re.sub(_DRIVE_COLON, "_", name))


def _caseless(name: str) -> str:
    return normalize("NFC", _spelled(name).casefold())


def _spelled(name: str) -> str:
    return name.removesuffix("/")


def _distinct(wanted: Mapping[bytes, str], key: Callable[[str], str]) -> Mapping[bytes, bytes]:
    """Give names with equal keys a number, all but the first.

    Names as stored come before names that were changed; then the stored bytes decide.
    """
    names = {child: name.encode() for child, name in wanted.items()}
    ordered = sorted(names, key=lambda child: (names[child] != child, child))
    holders = {key(wanted[child]): child for child in reversed(ordered)}
    numbered_names, keep = NumberedNames(set(holders)), set(holders.values())
    for child in ordered:
        if child not in keep:
            names[child] = numbered_names.take(wanted[child], key).encode()
    return names


def _stem_and_suffix(name: str) -> tuple[str, str]:
    """Split before the part that stays at the end: a file's extension, a directory's slash."""
    if name.endswith("/"):
        return name[:-1], "/"
    stem, dot, extension = name.rpartition(".")
    if not stem.strip(".") or len(extension.encode()) > _MAX_SUFFIX_BYTES:
        return name, ""
    return stem, dot + extension


def _joined(stem: str, tail: str) -> str:
    """Join stem and tail; cut the stem between characters so that both fit."""
    room = MAX_COMPONENT_BYTES - len(_spelled(tail).encode())
    return stem.encode()[:room].decode(errors="ignore") + tail
