"""The validators of an archive, or of what is made of it, in an answer of this moment."""

from __future__ import annotations

from archive_service.archive.representation import CHANGED_WITHIN_S, Representation
from archive_service.http.conditional import Validators


def validators_of(
    representation: Representation, now_s: int, *, etag: str | None = None
) -> Validators:
    """Return the validators at a time of the server's clock, in Unix seconds.

    `etag` is that of what is made of the archive, where it is not the archive itself.
    """
    # RFC 9110 section 8.8.2.1: not later than the message.  A date that had to be moved back
    # stands for more than one state of the album, so it is not a strong one.  That of files from
    # the future would move with the clock, at which Firefox resumes nothing: there is none then.
    # A removal from an object store would not move it: then there is none either.
    changed_s = representation.changed_s
    if changed_s is None:
        return Validators(etag or representation.etag, last_modified_s=None, date_is_strong=False)
    has_passed = changed_s <= now_s
    return Validators(
        etag or representation.etag,
        last_modified_s=min(changed_s, now_s) if changed_s <= now_s + CHANGED_WITHIN_S else None,
        date_is_strong=has_passed and representation.date_is_strong,
    )
