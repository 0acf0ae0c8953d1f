"""The optimisations of hashing and sending, each with the lines that take it out."""

from __future__ import annotations

from bench.replacement import Optimisation, Replacement

_NATIVE = "storage/local/native.py"

OF_DOWNLOADS = {
    "compiled-reading": Optimisation(
        "small files are read in C",
        ("thumbnails",),
        (Replacement(_NATIVE, "        _smallfiles.read_files,\n", "        lambda *_: 0,\n"),),
    ),
    "few-steps": Optimisation(
        "a little archive in memory is read in one call of C and sent in a few steps",
        ("little",),
        (
            Replacement(
                "transfer/download.py",
                "_STEPS if self._pace.allows_steps() else 0\n",
                "0\n",
            ),
        ),
    ),
    "in-flight": Optimisation(
        "slow storage does many operations at once",
        ("slow-storage-thumbnails", "slow-storage-album"),
        (
            Replacement(
                "storage/concurrency.py",
                "return min(MOST_AT_ONCE, int(self._item_s / _HAND_OVER_S)) if self.is_slow else 0",
                "return 0",
            ),
        ),
    ),
    "kept-files": Optimisation(
        "a file that was hashed stays open until it is sent, so that FUSE reads it once",
        ("slow-storage-album",),
        (
            Replacement(
                "checksums/files_kept_open.py", "        if file.is_prompt:\n", "        if True:\n"
            ),
        ),
    ),
    "short-turns": Optimisation(
        "a thread that computes gives the interpreter up after 0.1 ms, not after 5",
        ("neighbours",),
        (Replacement("cli/process_tuning.py", "_SWITCH_S = 0.0001\n", "_SWITCH_S = 0.005\n"),),
    ),
    "loop-turns": Optimisation(
        "downloads at full speed take turns on the event loop",
        ("neighbours",),
        (
            Replacement(
                "transfer/loop_turns.py",
                "        if self._due:\n            return False\n",
                "        return True\n",
            ),
        ),
    ),
    "made-ahead": Optimisation(
        "two batches are made while one is sent",
        ("thumbnails", "slow-storage-thumbnails", "slow-storage-album"),
        (Replacement("transfer/read_ahead.py", "MADE_AHEAD = 2\n", "MADE_AHEAD = 0\n"),),
    ),
    "disk-ahead": Optimisation(
        "a disk reads the files of later batches once one was not in memory",
        ("cold",),
        (Replacement("transfer/read_ahead.py", "        self._read_cold = read_cold\n", ""),),
    ),
    "plain-headers": Optimisation(
        "headers without ZIP64 and execute bits are packed by columns",
        ("thumbnails", "first-thumbnails"),
        (
            Replacement(
                "archive/zip/headers.py",
                "    return (\n        0 < least(sizes",
                "    return False and (\n        0 < least(sizes",
            ),
        ),
    ),
    "zlib-ng": Optimisation(
        "CRC-32 by zlib-ng, not by zlib",
        ("first-album", "save-album"),
        (
            Replacement(
                "checksums/hash_blocks.py",
                "crc32 = zlib_ng.crc32(data, crc32)",
                "crc32 = __import__('zlib').crc32(data, crc32)",
            ),
        ),
    ),
    "hash-ahead": Optimisation(
        "large files are hashed up to 64 MiB ahead of the send position",
        ("first-album",),
        (
            Replacement(
                "checksums/hashing_ahead.py",
                "HASH_AHEAD_BYTES = 64 * 1024 * 1024\n",
                "HASH_AHEAD_BYTES = 0\n",
            ),
        ),
    ),
    "hash-together": Optimisation(
        "large files far ahead of the send position are hashed several in one job",
        ("first-album", "first-photographs"),
        (
            Replacement(
                "checksums/hashing_ahead.py",
                "_JOB_BYTES, _JOB_PART = SMALL_BYTES, 4\n",
                "_JOB_BYTES, _JOB_PART = 0, 4\n",
            ),
            Replacement(
                "checksums/hashing_ahead.py",
                "_PROMPT_JOB_BYTES = 2 * 1024 * 1024\n",
                "_PROMPT_JOB_BYTES = 0\n",
            ),
        ),
    ),
    "kernel-sends": Optimisation(
        "the kernel sends files from 128 KiB on; without, from 1 MiB on",
        ("gallery",),
        (
            Replacement(
                "archive/segments.py",
                "LARGE_FILE_BYTES = 128 * 1024\n",
                "LARGE_FILE_BYTES = 1024 * 1024\n",
            ),
        ),
    ),
    "newcomers": Optimisation(
        "heavy work gives way to requests that have just come; measures the copy alone",
        ("neighbours",),
        (
            Replacement(
                "web/app.py",
                "        with newcomers.coming(asyncio.get_running_loop()):\n",
                "        with nullcontext():\n",
            ),
            Replacement(
                "web/app.py",
                "from collections.abc import Sequence\n",
                "from collections.abc import Sequence\nfrom contextlib import nullcontext\n",
            ),
            Replacement(
                "web/http_server/shared_listener.py",
                "        self._newcomers.note_connection()\n",
                "",
            ),
        ),
    ),
    "growing-pieces": Optimisation(
        "pieces grow from 64 KiB to 4 MiB for a fast client",
        ("album", "thumbnails"),
        (
            Replacement(
                "transfer/sending_pace.py",
                "_FASTEST_PIECE_BYTES = 64 * 1024, 4 * 1024 * 1024\n",
                "_FASTEST_PIECE_BYTES = 64 * 1024, 64 * 1024\n",
            ),
        ),
    ),
    "joined-buffers": Optimisation(
        "small buffers are sent as one, or in one packet with the file behind them",
        ("gallery", "album"),
        (Replacement("transfer/batches.py", "JOINED_BYTES = 16 * 1024\n", "JOINED_BYTES = -1\n"),),
    ),
}
