"""The validators that an answer sends at this moment, for an archive or its manifest."""

from __future__ import annotations

from archive_service.archive.representation import CHANGED_WITHIN_S, Representation
from archive_service.http.conditional import Validators


def validators_of(
    representation: Representation, now_s: int, *, etag: str | None = None
) -> Validators:
    """Return the validators at a time of the server's clock, in Unix seconds.

    `etag` replaces that of the archive, for a manifest of it.
    """
    # RFC 9110 section 8.8.2.1: not later than the message.  A date that had to be moved back stands
    # for more than one state of the album, so it is weak.  There is no date if files come from the
    # future, because it would move with the clock, and Firefox would not resume.  Nor is there one
    # for an object store, because a removal would not move it.
    changed_s = representation.changed_s
    if changed_s is None:
        return Validators(etag or representation.etag, last_modified_s=None, date_is_strong=False)
    has_passed = changed_s <= now_s
    return Validators(
        etag or representation.etag,
        last_modified_s=min(changed_s, now_s) if changed_s <= now_s + CHANGED_WITHIN_S else None,
        date_is_strong=has_passed and representation.date_is_strong,
    )
