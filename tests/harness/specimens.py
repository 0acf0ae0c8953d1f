"""Albums that try the readers: what lies on the disk, and by hand what an archive has of it.

The names and modes expected are written down from docs/format.md; none is computed.
"""

from __future__ import annotations

import io
import os
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from harness.albums import noise

SUMMER_S = 1_500_000_001
"""2017-07-14 02:40:01 UTC: odd, which a DOS time can't say."""


@dataclass(frozen=True)
class Specimen:
    """A file of an album, or a directory that is empty or leads to an empty one."""

    path: bytes
    """On the disk; a trailing slash marks a directory."""
    name: str
    """In the archive."""
    data: bytes = b""
    mtime_s: int = SUMMER_S
    mode: int = 0o644
    archived_mode: int = 0o644

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/")


def file(path: str | bytes, name: str | None = None, data: bytes | None = None) -> Specimen:
    """Return a file, with data of its own unless given."""
    raw = path.encode() if isinstance(path, str) else path
    return Specimen(raw, name or raw.decode(), noise(100, len(raw)) + raw if data is None else data)


def directory(path: str, name: str | None = None) -> Specimen:
    return Specimen(path.encode(), name or path, mode=0o755, archived_mode=0o755)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())


def dated(name: str, mtime_s: int) -> Specimen:
    return Specimen(name.encode(), name, name.encode(), mtime_s)


def with_mode(name: str, mode: int, archived_mode: int) -> Specimen:
    is_directory = name.endswith("/")
    data = b"" if is_directory else name.encode()
    return Specimen(name.encode(), name, data, SUMMER_S, mode, archived_mode)


def nested_zip() -> bytes:
    """Return a stored archive: inside it stand the very signatures that a scanner looks for."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo("inner.txt", (2020, 1, 1, 0, 0, 0)), b"inner")
    return buffer.getvalue()


LARGE = noise(700_000)
"""More than one piece, and more than what counts as a small file."""

ALBUMS: Mapping[str, Sequence[Specimen]] = {
    "plain": (
        file("1.jpg", data=noise(3000)),
        file("2.jpg", data=LARGE),
        file("IMG 0003.JPG", data=noise(131_072)),
        file("day 1/a.jpg"),
        file("day 1/night/b.jpg"),
    ),
    "cyrillic": (
        file("Свадьба/Фото 1.jpg"),
        file("Свадьба/Ещё одно — ё.jpg"),
        file("Їжак, ґанок.jpg"),
        directory("Пусто/"),
    ),
    "cjk": (file("写真/東京.jpg"), file("사진.jpg"), file("照片（一）.jpg"), file("𠮷野家.jpg")),
    "emoji": (file("👰🏻‍♀️🤵.jpg"), file("🏖️/🇷🇺.jpg"), file("❤.jpg"), directory("🎉/")),
    "long names": (
        file("x" * 246 + ".jpg"),
        file("я" * 123 + ".jpg"),
        file("写" * 82 + ".jpg"),
        file("🎉" * 61 + "ab.jpg"),
        file("/".join("d" * 250 for _ in range(3)) + "/" + "f" * 250),
        directory("e" * 250 + "/"),
    ),
    "hostile": (
        # What Windows takes for a way out, or for another stream of a file.
        file("..\\..\\evil.txt", ".._.._evil.txt"),
        file("C:\\boot.ini", "C__boot.ini"),
        file("C:autoexec.bat", "C_autoexec.bat"),
        file("photo.jpg:stream", "photo.jpg_stream"),
        file("a\\b\\c.jpg", "a_b_c.jpg"),
        # What it refuses.
        file('q?u*o"t<e>s|.jpg', "q_u_o_t_e_s_.jpg"),
        file("ends with a dot.", "ends with a dot_"),
        file("ends with a space ", "ends with a space_"),
        file("dots and spaces. . .", "dots and spaces_____"),
        file("dir. /inside.txt", "dir__/inside.txt"),
        file("CON", "_CON"),
        file("nul.txt", "_nul.txt"),
        file("com1.tar.gz", "_com1.tar.gz"),
        file("lpt9/aux.jpg", "_lpt9/_aux.jpg"),
        directory("prn/", "_prn/"),
        # What a terminal or a shell would take for something else.
        file("bell\a tab\t line\n esc\x1b[31m.txt", "bell_ tab_ line_ esc_[31m.txt"),
        file("del\x7f csi\u009b.txt", "del_ csi_.txt"),
        file("photo\u202egpj.exe", "photo_gpj.exe"),
        file("-rf", "-rf"),
        file("--help.jpg", "--help.jpg"),
        file("-/-x.jpg", "-/-x.jpg"),
        file("@list.txt", "@list.txt"),
        file("~root", "~root"),
        file(" leading space.jpg", " leading space.jpg"),
        file("it's $HOME `id` & ; #1 !{a,b}[c]%d^.jpg", "it's $HOME `id` & ; #1 !{a,b}[c]%d^.jpg"),
        file("..up", "..up"),
        file("two..dots.jpg", "two..dots.jpg"),
        # One name on a disk that ignores case.
        file("Photo.jpg", "Photo.jpg"),
        file("photo.JPG", "photo (2).JPG"),
        file("Sub/x.jpg", "Sub/x.jpg"),
        file("sub/x.jpg", "sub (2)/x.jpg"),
        file("ПЛЯЖ.jpg", "ПЛЯЖ.jpg"),
        file("пляж.jpg", "пляж (2).jpg"),
        # What an old FTP client sent, beside what a new one sends.
        file("Лето.jpg".encode("cp1251"), "Лето.jpg"),
        file("папка/".encode("cp1251") + "Ёлка.jpg".encode("cp1251"), "папка/Ёлка.jpg"),
        file("папка 2/".encode() + "Ёлка.jpg".encode("cp1251"), "папка 2/Ёлка.jpg"),
        # What a Mac sent.
        file(unicodedata.normalize("NFD", "Зимний ёж café.jpg"), "Зимний ёж café.jpg"),
        file(unicodedata.normalize("NFD", "한글.jpg"), "한글.jpg"),
    ),
    "empty things": (
        file("empty.txt", data=b""),
        file("dir/empty too.txt", data=b""),
        file("dir/full.txt"),
        directory("empty dir/"),
        directory("outer/"),
        directory("outer/inner/"),
        directory("outer/inner/innermost/"),
        file("z", data=b""),
    ),
    "nothing": (),
    "times": (
        dated("1901.txt", at(1901, 12, 14)),
        dated("1969.txt", at(1969, 12, 31, 23, 59, 58)),
        dated("1970.txt", 0),
        dated("1979.txt", at(1979, 12, 31, 23, 59, 58)),
        dated("1980.txt", at(1980, 1, 1)),
        dated("1999 odd.txt", at(1999, 12, 31, 23, 59, 59)),
        dated("2024 summer.txt", at(2024, 7, 1, 12, 30, 30)),
        dated("2038 before.txt", 2**31 - 1),
        dated("2038 after.txt", 2**31),
        dated("2050.txt", at(2050, 5, 6, 7, 8, 10)),
        dated("2106 before.txt", 2**32 - 1),
        dated("2106 after.txt", 2**32),
        dated("2107.txt", at(2107, 12, 31, 23, 59, 58)),
        dated("2108.txt", at(2108, 1, 1)),
        dated("2200.txt", at(2200, 1, 1)),
    ),
    "nested zip": (file("archive.zip", data=nested_zip()), file("b.txt")),
    "modes": (
        with_mode("run.sh", 0o755, 0o755),
        with_mode("private run.sh", 0o700, 0o700),
        with_mode("set-id run.sh", 0o6755, 0o755),
        with_mode("everyone.txt", 0o666, 0o666),
        with_mode("read-only.txt", 0o444, 0o644),
        with_mode("read-only run.sh", 0o555, 0o755),
        with_mode("private.txt", 0o600, 0o600),
        with_mode("group.txt", 0o640, 0o640),
        with_mode("private dir/", 0o700, 0o700),
        with_mode("shared dir/", 0o1777, 0o777),
    ),
}


def write_album(root: Path, specimens: Sequence[Specimen]) -> None:
    """Write an album's files and directories, with their times and modes."""
    album = os.fsencode(root)
    os.makedirs(album)
    for specimen in specimens:
        path = os.path.join(album, specimen.path)
        if specimen.is_directory:
            os.makedirs(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as target:
                target.write(specimen.data)
    for specimen in reversed(specimens):  # for what is written into a directory moves its time
        path = os.path.join(album, specimen.path)
        os.chmod(path, specimen.mode)
        os.utime(path, (specimen.mtime_s, specimen.mtime_s))
