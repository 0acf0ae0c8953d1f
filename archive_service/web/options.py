"""The configuration of the HTTP side, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archive_service.archive.signed_link import SigningPolicy


@dataclass(frozen=True, slots=True)
class WebOptions:
    """The configuration of the HTTP side."""

    download_name: str
    """The file name of a download whose URL gives none."""
    stall_timeout_s: float
    """How long a client may accept nothing."""
    sends_empty_archives: bool = False
    """Whether an album without files is an empty archive, and not a page that says so."""
    pages_for_browsers: bool = False
    """Whether a browser that opens an archive's link gets the page about it first."""
    page_lists_files: bool = False
    """Whether that page has the names of the files."""
    part_bytes: int = 0
    """The most bytes of an archive that is not offered in parts, and of a part; 0 for no parts."""
    delay_s: float | None = None
    """The pause after each piece in debug mode; None outside of it."""
    example_albums: Sequence[str] = ()
    """Albums that the index page links to: the shipped ones, never those of a site."""
    signing: SigningPolicy | None = None
    """The keys that links must be signed with; None if links need no signature."""
