"""Thousands of downloads while everything goes wrong around them, each judged at its end.

One thread does everything, one step after the other, so a seed repeats a run, except for how far
the server is ahead of its clients, and for programs that upload, which take the time they take.
A mix says what befalls the albums of a run.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from campaign import changes
from campaign.album import Album
from campaign.hand import Change, Hand
from campaign.mounts import View, view_of
from campaign.open_file import open_files
from campaign.ordered_files import OrderedFiles
from campaign.programs import programs
from campaign.stage import Stage
from campaign.surroundings import Surroundings
from campaign.uploads import Uploaders, Uploads
from campaign.visitors import Visitors
from harness.conditions import eventually
from harness.levels import Levels, assert_given_back, assert_memory_is_level, levels
from harness.oracle import Oracle
from harness.privileges import without_override
from harness.server import Server, serving

_FLAGS = ("--empty-archives", "zip")
"""An album that loses all its files stays an archive."""
_PROMPT_SETTLING = ("--settle-time", "0.05", "--settle-wait", "0.1")
_PATIENT = ("--stall-timeout", "600")
"""With its clients, which all wait while a program is killed."""
ALBUMS, LISTS = 6, 3
CHECK_EVERY, RESTART_EVERY = 250, 2500
"""Downloads from one look at the server's levels to the next, and to its end by force."""
MEMORY_MAY_GROW_BYTES = 48 * 1024 * 1024
_UPLOADS_END_WITHIN_S = 300.0


@dataclass(frozen=True)
class Mix:
    """What befalls the albums of a run, beside lists, remounts and a spoilt index."""

    uploaders: Sequence[Uploaders]
    of_files: Sequence[Change] = (*changes.OF_FILES, *changes.OF_NO_BYTE, *changes.OF_NO_BYTE)
    of_albums: Sequence[Change] = changes.OF_ALBUMS


WITHOUT_PROGRAMS = Mix(uploaders=(open_files,))
EVERYTHING = Mix(uploaders=(open_files, programs))


class Places(NamedTuple):
    """The directories of a run."""

    photos: Path
    cache: Path
    oracle: Path
    others: Path
    """For what is in no album."""
    lists: Path


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


class Soak:
    """One run."""

    def __init__(self, directory: Path, seed: int, mix: Mix) -> None:
        self._stack = ExitStack()
        self._places = Places(*(_made(directory / name) for name in Places._fields))
        self._view: View = self._stack.enter_context(view_of(self._places.photos))
        self._hand = Hand(Random(seed), self._places.others)
        self._stage = self._new_stage(self._hand.chance)
        self.counts = self._stage.counts
        self._visitors = Visitors(self._stage, self._stack)
        kinds = [self._stack.enter_context(each(self._hand)) for each in mix.uploaders]
        self._uploads = Uploads(kinds, self._hand, self.counts)
        self._around = Surroundings(
            self._stage,
            self._visitors,
            self._hand,
            uploads=self._uploads,
            view=self._view,
            of_files=mix.of_files,
            of_albums=mix.of_albums,
        )
        self._before: Levels | None = None

    def _new_stage(self, chance: Random) -> Stage:
        places = self._places
        albums = [Album(places.photos / f"{n:032x}") for n in range(ALBUMS)]
        lists = [
            OrderedFiles(places.lists, f"{n:032x}", *chance.sample(albums, 2))
            for n in range(ALBUMS, ALBUMS + LISTS)
        ]
        flags = (*_FLAGS, "--lists-dir", str(places.lists))
        oracle = self._stack.enter_context(serving(places.photos, places.oracle, *flags))
        return Stage(
            chance,
            places.photos,
            places.cache,
            albums,
            [*albums, *lists],
            Oracle(oracle),
            self._served(),
        )

    def run(self, downloads: int) -> None:
        """Make so many downloads; raise AssertionError for the first that is not as it must be."""
        with self._stack:
            self._stack.callback(self._uploads.kill, self._stage.albums)
            self._around.make_all()
            while self.counts["downloads"] < downloads:
                self._step()
            self._wind_down()

    def _served(self) -> Server:
        flags = (*_FLAGS, *_PROMPT_SETTLING, *_PATIENT, "--lists-dir", str(self._places.lists))
        return self._stack.enter_context(
            serving(self._view.path, self._places.cache, *flags, launcher=without_override())
        )

    def _steps(self) -> Sequence[tuple[Callable[[], None], float]]:
        visitors, around = self._visitors, self._around
        return [
            (visitors.start, 10.0),
            (visitors.resume, 3.0),
            (visitors.resume_bare, 3.0),
            (visitors.advance, 15.0),
            (visitors.finish, 10.0),
            (visitors.leave, 4.0),
            (visitors.ask_for_parts, 1.0),
            (around.change_files, 6.0),
            (around.change_album, 0.5),
            (around.swap_albums, 0.2),
            (around.change_list, 1.0),
            (around.begin_upload, 0.6),
            (around.go_on_with_upload, 8.0),
            (around.remount, 0.5),
            (around.spoil_index, 0.1),
        ]

    def _step(self) -> None:
        self._around.look_after_uploads()
        steps = self._steps()
        step = self._stage.chance.choices([s for s, _ in steps], [w for _, w in steps])[0]
        before = self.counts["downloads"]
        step()
        for done in range(before + 1, self.counts["downloads"] + 1):
            if done % RESTART_EVERY == RESTART_EVERY // 2:  # so that no run ends with a new server
                self._restart()
            elif done % CHECK_EVERY == 0:
                self._visitors.land_all()
                self._check_levels()

    def _restart(self) -> None:
        """Kill the server; continue with a new one."""
        self._stage.server.process.send_signal(signal.SIGKILL)
        self._stage.server.process.wait()
        self._visitors.lose_server()
        self.counts["restarts"] += 1
        for album in self._stage.albums:
            album.note_forgotten()
        self._stage.server = self._served()
        self._before = None

    def _wind_down(self) -> None:
        have_ended = self._uploads.have_ended
        eventually(lambda: have_ended(self._stage.albums), within_s=_UPLOADS_END_WITHIN_S)
        self._around.look_after_uploads()
        self._visitors.land_all()
        self._check_levels()

    def _check_levels(self) -> None:
        server = self._stage.server
        assert server.process.poll() is None
        assert [line for line in server.lines if "Traceback" in line] == []
        if self._before is None:
            self._before = levels(server)
        assert_given_back(server, self._before)
        assert_memory_is_level(server, self._before, may_grow_bytes=MEMORY_MAY_GROW_BYTES)
        now = levels(server)
        peak = "peak memory, MiB"
        self.counts[peak] = max(self.counts[peak], now.memory_bytes >> 20)
        self.counts["threads"] = now.threads
        self._stage.oracle.forget()
        self._stage.bound.clear()
        self._hand.remove_links()
