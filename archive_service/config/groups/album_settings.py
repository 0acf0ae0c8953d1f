"""The settings of where albums lie, and of what in them is packed."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

from archive_service.archive.id import is_archive_id
from archive_service.config import values
from archive_service.config.setting_docs import setting
from archive_service.config.values import Text, ValueKind
from archive_service.storage.excluded_names import DEFAULT_PATTERNS
from archive_service.storage.local.real_path import real_path
from archive_service.storage.s3.location import SCHEME, S3Location
from archive_service.storage.time_limits import within

_BESIDE_PACKAGE = Path(__file__).resolve().parents[3] / "test_photos"
SHIPPED_PHOTOS = _BESIDE_PACKAGE if _BESIDE_PACKAGE.exists() else Path("test_photos")
"""The albums to try the service with; for an installed package, in the working directory."""
StoragePlace = Path | S3Location
"""Where albums or lists lie."""

_MAY_COME = frozenset(
    {
        errno.ENOENT,
        errno.ENOTCONN,  # of a FUSE file system whose program has ended
        errno.ESTALE,
        errno.EIO,
        errno.ETIMEDOUT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)
"""What the system says of a disk that is not mounted, or does not answer."""
LOOK_WITHIN_S = 2.0


def albums_directory(path: Path) -> Path:
    """Return a directory whose files can be listed and opened, or one that is yet to be mounted.

    A mount that does not answer within LOOK_WITHIN_S is waited for like one that is missing.
    A relative path is no mount: there, the working directory is more likely wrong.
    Raise ValueError for another.
    """
    with suppress(TimeoutError):
        within(LOOK_WITHIN_S, partial(_require_readable, path))
    return path


def _require_readable(path: Path) -> None:
    try:
        with os.scandir(path):
            pass
    except OSError as error:
        if error.errno in _MAY_COME and path.is_absolute():
            return
        raise ValueError(f"{error.strerror}") from None
    if not os.access(path, os.X_OK):
        raise ValueError("its files can be listed, but not opened")


def albums_place(text: str) -> StoragePlace:
    """Return the directory, or the bucket where its library is installed; raise ValueError."""
    if not values.not_empty(text).startswith(SCHEME):
        return albums_directory(values.expanded(text))
    location = S3Location.parse(text)
    if find_spec("aiobotocore") is None:
        raise ValueError("needs an extra: pip install 'archive-service[s3]'")
    return location


def lists_place(text: str) -> StoragePlace | None:
    """Return the same for lists, None for no lists; raise ValueError."""
    return None if text.lower() == "none" else albums_place(text)


def are_served(lists_dir: StoragePlace, photos_dir: StoragePlace) -> bool:
    """Return whether lists lie in what can be an album."""
    if isinstance(lists_dir, Path) and isinstance(photos_dir, Path):
        lists, photos = real_path(lists_dir), real_path(photos_dir)
        below = lists.relative_to(photos).parts if lists.is_relative_to(photos) else ()
        return bool(below) and is_archive_id(below[0])
    if isinstance(lists_dir, S3Location) and isinstance(photos_dir, S3Location):
        is_below = lists_dir.prefix.startswith(photos_dir.prefix)
        first = lists_dir.prefix[len(photos_dir.prefix) :].partition("/")[0]
        return lists_dir.bucket == photos_dir.bucket and is_below and is_archive_id(first)
    return False


@dataclass(frozen=True, kw_only=True)
class AlbumSettings:
    """Where albums lie, and what of them an archive has."""

    TITLE: ClassVar = Text("Albums", "Альбомы")

    photos_dir: StoragePlace = setting(
        ValueKind(
            albums_place,
            Text(
                "a directory that this user may read (it may appear later), or s3://BUCKET/PREFIX",
                "каталог, который может читать этот пользователь (он может появиться и позже), "
                "или s3://BUCKET/PREFIX",
            ),
            "DIR",
        ),
        default=str(SHIPPED_PHOTOS),
        shown_default=Text("`test_photos` of this repository", "`test_photos` этого репозитория"),
        summary="directory with the albums, or their place in an object store",
        details="An object store needs the extra `s3`: see "
        "[Albums in an object store](operations.md#albums-in-an-object-store).",
        russian="Каталог с альбомами или их место в объектном хранилище. Для хранилища нужно "
        "дополнение `s3`: см. "
        "[Альбомы в объектном хранилище](operations.ru.md#альбомы-в-объектном-хранилище).",
    )
    lists_dir: StoragePlace | None = setting(
        ValueKind(
            lists_place,
            Text(
                "a directory that this user may read and that is no album, s3://BUCKET/PREFIX, "
                "or none",
                "каталог, который может читать этот пользователь и который не альбом, "
                "s3://BUCKET/PREFIX или none",
            ),
            "DIR",
        ),
        default="none",
        summary="directory with lists of files, each of which is an archive",
        details="See [An archive from a list](integration.md#an-archive-from-a-list).",
        russian="Каталог со списками файлов, каждый из которых — архив: см. "
        "[Архив по списку](integration.ru.md#архив-по-списку).",
    )
    list_size: int = setting(
        values.size(least="1K"),
        default="32M",
        summary="largest list that is read",
        details="100,000 entries take some 10M.",
        russian="Самый большой список, который читается. 100 000 записей — около 10M.",
    )
    exclude: tuple[str, ...] = setting(
        values.patterns(),
        default=",".join(DEFAULT_PATTERNS),
        summary="names of files and directories that are left out of archives",
        details="Capital and small letters are the same.",
        russian="Имена файлов и каталогов, которые не попадают в архивы. "
        "Заглавные и строчные буквы не различаются.",
    )
    symlinks: Literal["inside", "never"] = setting(
        values.choice("inside", "never"),
        default="inside",
        summary="symbolic links to follow: those to the same album, or none",
        details="A link that is left out is logged once.",
        russian="По каким символическим ссылкам идти: `inside` — только на содержимое того же "
        "альбома, `never` — ни по каким. О пропущенной ссылке в журнал пишется один раз.",
    )
    settle_time: float = setting(
        values.seconds(0, 3600),
        default="2",
        summary="how long an album must stay unchanged before it is sent",
        details="A request for an album that is being uploaded waits; 0 sends what is there.",
        russian="Сколько времени альбом не должен меняться, чтобы его можно было отдать. "
        "Пока альбом загружают, запрос ждёт; 0 — отдавать что есть.",
    )
    settle_wait: float = setting(
        values.seconds(0, 3600),
        default="10",
        summary="longest wait of a request for an album that is being uploaded",
        details='After that the answer is 503, "the album is still being uploaded".',
        russian="Сколько самое большее запрос ждёт альбома, который загружают. "
        "После этого ответ — 503, «Альбом ещё загружается».",
    )
    open_files: Literal["both", "lease", "watch", "off"] = setting(
        values.choice("both", "lease", "watch", "off"),
        default="both",
        summary="how to detect files that are open for writing, so that they are not sent",
        details="`lease` asks the kernel, `watch` uses the inotify events of `INDEX_AHEAD`. "
        "`archive-service check` says what works here; see "
        "[What uploaders leave on the disk](operations.md#what-uploaders-leave-on-the-disk).",
        russian="Как замечать файл, который кто-то держит открытым на запись, чтобы его не отдать: "
        "`lease` спрашивает ядро, `watch` использует то, что inotify сообщает опережающему "
        "индексу. Что работает на этой машине, говорит `archive-service check`; см. "
        "[Что загрузчики оставляют на диске](operations.ru.md#что-загрузчики-оставляют-на-диске).",
    )
    listing_timeout: float = setting(
        values.seconds(0.1, 3600),
        default="30",
        summary="longest time that an album's disk may take until the album is listed",
        details='After that the answer is 503, "the disk takes too long to answer".',
        russian="Сколько самое большее диск может составлять список файлов альбома. "
        "После этого ответ — 503, «Диск отвечает слишком долго».",
    )
    change_token: bool = setting(
        values.switch(),
        default="on",
        summary="notice replaced files by their ctime and inode",
        details="Replaced objects are noticed by their entity tag. "
        "Switch it off for trees that are copied between machines.",
        russian="Замечать подменённые файлы по ctime и inode, а объекты хранилища — по их ETag. "
        "Выключайте для каталогов, которые копируют с машины на машину.",
    )
    s3_addressing: Literal["auto", "path", "virtual"] = setting(
        values.choice("auto", "path", "virtual"),
        default="auto",
        summary="where requests to an object store name the bucket: in the path or in the host",
        details="`virtual` is for stores that refuse the path, such as those of Alibaba and "
        "Tencent; `auto` leaves it to botocore and to the file of `AWS_CONFIG_FILE`.",
        russian="Где в запросах к объектному хранилищу стоит имя бакета: `path` — в пути, "
        "`virtual` — в имени хоста; второе для хранилищ, которые не принимают путь, например "
        "Alibaba и Tencent. `auto` оставляет выбор botocore и файлу из `AWS_CONFIG_FILE`.",
    )
    s3_memory: int = setting(
        values.size(least="16M"),
        default="256M",
        summary="memory of a process for data read ahead from an object store",
        details="All downloads of the process share it.",
        russian="Память процесса для данных, прочитанных из объектного хранилища вперёд, "
        "одна на все загрузки.",
    )
    s3_timeout: float = setting(
        values.seconds(0.1, 300),
        default="10",
        summary="how long an object store may take to connect or to send the next bytes",
        details="A page of a listing, and each 32 KiB of an object, may take six times as long.",
        russian="Сколько объектное хранилище может устанавливать соединение или молчать. "
        "На страницу списка и на каждые 32 КиБ объекта есть вшестеро больше времени.",
    )
