"""A list as its site writes it: JSON, checked before anything is looked up.

`tools/list_schema.py` prints the JSON Schema of these classes to docs/list.schema.json.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    Tag,
    ValidationError,
)

from archive_service.archive.id import is_archive_id

MAX_PATH_CHARACTERS = 4096
MOST_DIRECTORIES = 64
"""How deep they may be nested: as deep as in an album on a disk."""
MAX_TEXT_CHARACTERS = 16_384
"""As UTF-8 less than LARGE_FILE_BYTES: a text is sent from memory, as a small file is."""
_CONFIG = ConfigDict(extra="forbid", strict=True, frozen=True)
_DATA = "A list of files for one archive of the archive service."


class ListBroken(Exception):
    """A list is no archive; `entry` is the number of the entry in `files` that is wrong.

    `reason` is a short fixed phrase for logs, `details` says more to the list's author.
    """

    def __init__(self, reason: str, details: str = "", entry: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details
        self.entry = entry

    def __str__(self) -> str:
        """Return one line for the list's author."""
        where = "" if self.entry is None else f"files[{self.entry}]: "
        return where + (self.details or self.reason)


class ListedPath(BaseModel):
    """A file or a directory of an album."""

    model_config = _CONFIG
    path: str = Field(
        min_length=1,
        max_length=MAX_PATH_CHARACTERS,
        description="Relative to PHOTOS_DIR, the album in front; with a slash behind it, a"
        " directory with all that it holds.",
        examples=["3bea29ccabbbf64bdebcc055319c5745/1.jpg", "af1ad8c76fda2e48ea9aed2937e972ea/"],
    )
    name: str | None = Field(
        None,
        alias="as",
        max_length=MAX_PATH_CHARACTERS,
        description="The name in the archive, with / between directories; without it, the path"
        " in the album. What stands for a directory may be empty: its files are at the top then.",
        examples=["Wedding/001.jpg", "Party/"],
    )


class ListedText(BaseModel):
    """A file whose content stands in the list."""

    model_config = _CONFIG
    text: str = Field(max_length=MAX_TEXT_CHARACTERS, description="The content, sent as UTF-8.")
    name: str = Field(
        alias="as",
        min_length=1,
        max_length=MAX_PATH_CHARACTERS,
        description="The name in the archive.",
        examples=["README.txt"],
    )


def _kind(value: Any) -> str:  # noqa: ANN401 - anything that JSON has
    is_text = "text" in value if isinstance(value, dict) else isinstance(value, ListedText)
    return "text" if is_text else "path"


class ListModel(BaseModel):
    """A list of files for one archive."""

    model_config = ConfigDict(**_CONFIG, title=_DATA)
    schema_address: str | None = Field(
        None, alias="$schema", description="For editors; the service ignores it."
    )
    name: str | None = Field(
        None,
        max_length=MAX_PATH_CHARACTERS,
        description="The file name of the archive where its link has no `name`; made safe as all"
        " names are.",
        examples=["Order 1234"],
    )
    missing: Literal["fail", "skip"] = Field(
        "fail",
        description="What a path without a file does: the archive is a 404, or the file is left"
        " out and the manifest says so.",
    )
    # Without FailFast a list of wrong entries takes a kilobyte of memory for each.
    files: Annotated[
        list[
            Annotated[
                Annotated[ListedPath, Tag("path")] | Annotated[ListedText, Tag("text")],
                Discriminator(_kind),
            ]
        ],
        FailFast(),
    ] = Field(min_length=1, description="What the archive holds, in any order.")


def read_list(content: bytes) -> ListModel:
    """Read a list; raise ListBroken."""
    try:
        model = ListModel.model_validate_json(content.removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise _broken(error) from None
    except RecursionError:
        raise ListBroken("broken", "is nested too deep") from None
    for number, entry in enumerate(model.files):
        if fault := _fault(entry):
            raise ListBroken(*fault, number)
    return model


def _broken(error: ValidationError) -> ListBroken:
    first = error.errors(include_input=False, include_url=False)[0]
    place = list(first["loc"])
    entry = None
    if len(place) > 1 and place[0] == "files" and isinstance(place[1], int):
        entry, place = place[1], place[3:]  # the third is the kind
    where = ".".join(map(str, place))
    message = first["msg"]
    return ListBroken("broken", f"{where}: {message}" if where else message, entry)


def _fault(entry: ListedPath | ListedText) -> tuple[str, str] | None:
    """Return what is wrong with an entry whose types are right: a reason, and the details."""
    if isinstance(entry, ListedText):
        return ("broken", "as: ends in a slash") if entry.name.endswith("/") else None
    album, slash, path = entry.path.partition("/")
    if not (is_archive_id(album) and slash and _is_inside(path)):
        return "outside", "path: is no path in an album"
    if path.count("/") > MOST_DIRECTORIES:
        return "broken", f"path: is nested deeper than {MOST_DIRECTORIES} directories"
    is_file = not entry.path.endswith("/")
    if is_file and entry.name is not None and (not entry.name or entry.name.endswith("/")):
        return "broken", "as: is that of a directory, and path that of a file"
    return None


def _is_inside(path: str) -> bool:
    names = path.removesuffix("/").split("/")
    return not path or set(names).isdisjoint(("", ".", ".."))
