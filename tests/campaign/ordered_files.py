"""Archives of lists: files of several albums, which change beneath them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from campaign.album import Album, FileState
from harness.lists import write_list

_TEXT = "README.txt"


@dataclass
class OrderedFiles:
    """The archive of a list: an album as a whole, some files of another, and a text."""

    lists_dir: Path
    name: str
    whole: Album
    other: Album
    chosen: Sequence[str] = ()
    text: str = ""
    is_written: bool = False

    @property
    def is_there(self) -> bool:
        is_complete = self.whole.is_there and all(n in self.other.contents for n in self.chosen)
        return self.is_written and is_complete

    def states(self) -> Mapping[str, FileState]:
        text = self.text.encode()
        own = {_TEXT: FileState(text, 0, 0, is_readable=True, is_read=True, is_doubtful=False)}
        of_whole, of_other = self.whole.states(), self.other.states()
        return own | {
            listed: (of_whole if album is self.whole else of_other)[name]
            for listed, album, name in self._files()
        }

    def contents_now(self) -> Mapping[str, bytes]:
        found = {listed: album.contents[name] for listed, album, name in self._files()}
        return {_TEXT: self.text.encode(), **found}

    def albums(self) -> Sequence[Album]:
        return (self.whole, self.other)

    def note_read(self, names: Iterable[str]) -> None:
        files = [(album, name) for listed, album, name in self._files() if listed in names]
        for album in self.albums():
            album.note_read({name for of, name in files if of is album})

    def _files(self) -> Iterator[tuple[str, Album, str]]:
        """Yield those that are there: the name in the archive, the album, the name in it."""
        for name in self.whole.contents:
            yield f"all/{name}", self.whole, name
        for name in self.chosen:
            if name in self.other.contents:
                yield f"some/{name}", self.other, name

    def write(self, chance: Random) -> None:
        """Write the list, for the first time or anew."""
        names = sorted(self.other.contents)
        self.chosen = chance.sample(names, min(len(names), 3))
        self.text = f"{chance.randrange(10**6)}\n"
        files = [
            {"path": f"{self.whole.name}/", "as": "all/"},
            *({"path": f"{self.other.name}/{n}", "as": f"some/{n}"} for n in self.chosen),
            {"text": self.text, "as": _TEXT},
        ]
        write_list(self.lists_dir, json.loads(json.dumps({"files": files})), self.name)
        self.is_written = True

    def remove(self) -> None:
        """Remove the list."""
        (self.lists_dir / f"{self.name}.json").unlink(missing_ok=True)
        self.is_written = False
