"""The optimisations of starts and of looking at albums, each with the lines that take it out."""

from __future__ import annotations

from bench.replacement import Optimisation, Replacement

_NATIVE = "storage/local/native.py"

OF_ALBUMS = {
    "compiled-part": Optimisation(
        "C for looking at files and reading small ones",
        ("thumbnails", "first-thumbnails", "little"),
        (
            Replacement(
                _NATIVE,
                "    from archive_service.storage.local import _smallfiles\n",
                "    raise ImportError\n",
            ),
        ),
    ),
    "compiled-stat": Optimisation(
        "a directory's files are looked at in C",
        ("first-byte",),
        (Replacement(_NATIVE, "        _smallfiles.stat_files,\n", "        _stat_files,\n"),),
    ),
    "compiled-look": Optimisation(
        "young files are checked for writers in C; give a new directory as --data",
        ("thumbnails", "little"),
        (
            Replacement(
                _NATIVE, "        _smallfiles.unwritten_files,\n", "        lambda *_: 0,\n"
            ),
        ),
    ),
    "kept-descriptions": Optimisation(
        "an album that did not change is not laid out again",
        ("thumbnails", "first-byte", "little"),
        (Replacement("transfer/descriptions.py", "self._recent.put(", "WeightedLRU(1).put("),),
    ),
    "kept-listings": Optimisation(
        "a known album without links is looked at again, not listed",
        ("first-byte", "little"),
        (
            Replacement(
                "storage/local/storage.py",
                "return {} if in_flight.is_slow else self._kept.of(archive, wanted)",
                "return {}",
            ),
        ),
    ),
    "kept-manifests": Optimisation(
        "a manifest is printed once for each version of an album",
        ("manifest",),
        (
            Replacement(
                "web/manifest.py", "self._heads.put(order.head_key, printed.head, weight=1)", "pass"
            ),
        ),
    ),
    "kept-figures": Optimisation(
        "the sizes of all parts of an archive are computed once for each version",
        ("parts-manifest",),
        (Replacement("web/archive_parts.py", "self._figures.get(version)", "None"),),
    ),
    "kept-lists": Optimisation(
        "a list is parsed again only when its file has changed",
        ("list",),
        (
            Replacement(
                "storage/file_lists/listed_storage.py",
                "known = self._read.get(archive)",
                "known = None",
            ),
        ),
    ),
    "merged-lists": Optimisation(
        "the listings of a list's albums are merged again only when one has changed",
        ("list",),
        (Replacement("storage/file_lists/merged_listings.py", "self._lists.get(archive)", "None"),),
    ),
    "kept-names": Optimisation(
        "the names in the album that was cut last are kept for its next part",
        ("one-file",),
        (Replacement("transfer/descriptions.py", "last[0] is whole", "False"),),
    ),
    "halved-looks": Optimisation(
        "two threads look at the halves of what is known of a large archive",
        ("first-byte",),
        (Replacement("storage/concurrency.py", "HALVED_FILES = 4_000", "HALVED_FILES = 10**9"),),
    ),
    "at-hand": Optimisation(
        "a known little album on a local disk is listed and opened on the event loop",
        ("little",),
        (
            Replacement(
                "storage/local/storage.py",
                "return self._in_flights.of(archive).is_at_hand\n",
                "return False\n",
            ),
        ),
    ),
    "frozen-modules": Optimisation(
        "the garbage collector skips what a start imports",
        ("start", "save-file"),
        (
            Replacement(
                "cli/subcommands.py",
                '    gc.set_threshold(*(_NEW_OBJECTS_ALONE if name == "serve" else _NOTHING))\n',
                "",
            ),
            Replacement("cli/subcommands.py", "    gc.freeze()\n", ""),
        ),
    ),
    "one-arena": Optimisation(
        "all threads take memory from one place of malloc; see the peak of RSS",
        ("thumbnails",),
        (Replacement("cli/serve.py", "    take_memory_from_one_place()", "    None"),),
    ),
    "lean-aiohttp": Optimisation(
        "aiohttp brings no certificates, no library of C++ and no table of file types",
        ("start",),
        (
            Replacement(
                "cli/subcommands.py",
                "        with _with_variables(_LEAN_AIOHTTP), _without_file_types():\n",
                "        if True:\n",
            ),
        ),
    ),
    "plain-names": Optimisation(
        "names that no rule touches are proven plain in one pass",
        ("first-thumbnails",),
        (Replacement("archive/naming.py", "    if _are_plain(paths):\n", "    if False:\n"),),
    ),
    "excluded-names": Optimisation(
        "names that no pattern can match are recognised by their ends, in one pass",
        ("listed",),
        (
            Replacement(
                "storage/excluded_names.py",
                "        if not heads and not tails:\n            return ()\n",
                "        return names\n",
            ),
        ),
    ),
    "whole-directories": Optimisation(
        "a directory of regular files is listed in one go, and each second's DOS time made once",
        ("listed",),
        (
            Replacement(
                "storage/local/walk.py",
                "        if self._filter.accepts_all(",
                "        if not (",
            ),
            Replacement("archive/zip/dos_time.py", "in distinct(mtimes_s)}", "in mtimes_s}"),
        ),
    ),
}
