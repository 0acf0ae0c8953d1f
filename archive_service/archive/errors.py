"""What can go wrong between a link and an archive, named for what happened.

    ArchiveServiceError
    ├── NotFound
    │   ├── ArchiveNotFound      no album under this id
    │   ├── FileNotInAlbum       a requested file is not part of the album
    │   └── PartNotFound         the archive has fewer parts
    ├── AlbumEmpty               the album has no file yet
    ├── SpeculativeRequest       a browser asks ahead of a click that may never come
    ├── LinkInvalid              links have to be signed
    │   ├── LinkNotSigned        the signature is missing or is not that of the link
    │   └── LinkExpired          the signature is right, and its time is over
    ├── BadQuery                 a query value that cannot be used
    ├── BadForm                  a form that cannot be read
    │   ├── NoForm               the content is of another type
    │   ├── FormTimedOut         it did not come in time
    │   └── TooManyChosen        the form, or the link it leads to, would be too long
    ├── SelectionOutdated        files were added, removed or renamed since a link was made
    ├── StorageUnavailable       the album exists, but cannot be described now
    │   ├── AlbumInMotion        it is being changed, most likely uploaded
    │   ├── AlbumUnpackable      no archive can hold it as it is
    │   ├── ArchiveTooLarge      the archive is longer than clients and systems can count
    │   ├── AlbumArchived        its objects have to be restored by the store first
    │   └── ListingTimedOut      its disk does not answer in time
    ├── Refused                  fair use: a good request, but one too many
    │   ├── ServiceBusy          no more downloads at once
    │   ├── ClientBusy           no more downloads of this client at once
    │   └── ClientRefused        the client has asked for too many missing archives
    └── DownloadFailed           after the header fields: the connection is aborted
        ├── SourceChanged        a file is no longer what the listing says
        │   └── SourceSuspected  only its ctime or inode differs: reading it decides
        ├── SourceUnreadable     the system refuses to open or read a file
        └── LengthMismatch       the content has more or fewer bytes than were announced

The exceptions carry data for logs, never for visitors.
"""

from __future__ import annotations

import errno

from archive_service.archive.listing import SourceIndex

LONG_LISTING = "long listing"
"""The reason of an album whose store went on sending pages for longer than a visitor waits."""


class ArchiveServiceError(Exception):
    """Anything this service raises on purpose."""


class NotFound(ArchiveServiceError):
    """What the link names does not exist."""


class ArchiveNotFound(NotFound):
    """There is no album under this id."""


class FileNotInAlbum(NotFound):
    """A file that the query names is not part of the album."""


class PartNotFound(NotFound):
    """The archive has fewer parts."""


class AlbumEmpty(ArchiveServiceError):
    """The album exists, and has no file yet."""


class SpeculativeRequest(ArchiveServiceError):
    """A browser prefetches an archive that no person has clicked on."""


class LinkInvalid(ArchiveServiceError):
    """The link is refused before the album is looked up; `reason` is a short fixed phrase."""

    reason: str


class LinkNotSigned(LinkInvalid):
    """The signature is missing or is not that of the link."""

    reason = "not signed"


class LinkExpired(LinkInvalid):
    """The signature is right, but its time is over."""

    reason = "expired"


class BadQuery(ArchiveServiceError):
    """A query parameter has a value that cannot be used."""

    def __init__(self, parameter: str) -> None:
        super().__init__(parameter)
        self.parameter = parameter


class BadForm(ArchiveServiceError):
    """The form of chosen files cannot be read."""


class NoForm(BadForm):
    """The content of the request is not of the type of a form."""


class FormTimedOut(BadForm):
    """The form did not come in time."""


class TooManyChosen(BadForm):
    """The form, or the link that it leads to, is longer than it may be."""


class SelectionOutdated(ArchiveServiceError):
    """Files were added to the album, removed or renamed since a link of chosen ones was made."""


class StorageUnavailable(ArchiveServiceError):
    """The album cannot be described completely, so nothing of it is sent.

    `reason` is a short fixed word or the name of an errno: never a path.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AlbumInMotion(StorageUnavailable):
    """The album is still changing: an archive made now would hold half an upload."""

    def __init__(self) -> None:
        super().__init__("changing")


class AlbumUnpackable(StorageUnavailable):
    """No archive can hold the album until its owner changes it; the reason says why."""


class ArchiveTooLarge(StorageUnavailable):
    """The archive, or a file, has 2⁶³ bytes or more: too many for a file offset or a length."""

    def __init__(self, reason: str = "too large") -> None:
        super().__init__(reason)


class AlbumArchived(StorageUnavailable):
    """An object of the album is in an archival storage class and must be restored first."""

    def __init__(self) -> None:
        super().__init__("archived")


class ListingTimedOut(StorageUnavailable):
    """The album could not be listed in time: its disk is very slow, or does not answer."""

    def __init__(self) -> None:
        super().__init__("timeout")


class Refused(ArchiveServiceError):
    """A request is one too many for now; the client may repeat it after `retry_after_s`."""

    reason: str
    """A short fixed word."""

    def __init__(self, retry_after_s: int = 30) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class ServiceBusy(Refused):
    """The service already serves as many downloads as it may."""

    reason = "busy"


class ClientBusy(Refused):
    """The client already has as many downloads as it may."""

    reason = "client busy"


class ClientRefused(Refused):
    """The client has asked for too many links that don't exist."""

    reason = "guessing"


class DownloadFailed(ArchiveServiceError):
    """The rest of a download cannot be sent; `reason` is a short fixed word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.source: SourceIndex | None = None
        """The source in the listing whose file failed, where several are read at once."""


class SourceChanged(DownloadFailed):
    """A file vanished, was resized, replaced or rewritten since the listing."""


class SourceSuspected(SourceChanged):
    """A file has the listed size and mtime, but another ctime or inode number.

    Only reading the file shows whether its content has changed.
    """

    def __init__(self, *, is_inode_alone: bool = False) -> None:
        super().__init__("rewritten")
        self.is_inode_alone = is_inode_alone
        """Whether the ctime is as listed: some file systems change inode numbers by themselves."""


class SourceUnreadable(DownloadFailed):
    """A file can't be opened or read; `reason` is the name of the errno."""

    @classmethod
    def of(cls, error: OSError) -> SourceUnreadable:
        """Return the failure for an error of the system."""
        return cls(errno_name(error))


class LengthMismatch(DownloadFailed):
    """The content has more or fewer bytes than its Content-Length announced."""

    def __init__(self) -> None:
        super().__init__("wrong length")


class SettingsError(ValueError):
    """A setting has an invalid value; the text is one line for the operator."""


def errno_name(error: OSError) -> str:
    """Return the symbolic name of an error of the system, such as "EACCES"."""
    return errno.errorcode.get(error.errno or errno.EIO, "EIO")
