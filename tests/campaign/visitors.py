"""The clients of the soak: they begin, go on with and without a validator, dawdle and leave.

Several downloads are under way at any time.  Each client has an address of its own, and comes again
from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from itertools import count

from campaign.album import Target
from campaign.descriptions import describe
from campaign.flight import Beginning, Flight, Part
from campaign.sent_files import SentFiles
from campaign.stage import Stage, link
from campaign.verdict import judge_complete, judge_cut
from harness.byteranges import body_parts
from harness.http import Connection, get
from harness.oracle import received

from archive_service.web.limits.resumption_guard import BRIEF_BYTES

MOST_FLIGHTS = 5
_PARTS_KEPT = 10
_FORGOTTEN_AFTER = 400
"""Clients: the service remembers some thousand beginnings."""
_RANGES = 0.4
_PART_BYTES = 5000


class Visitors:
    """All of them."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self.flights: list[Flight] = []
        self._stage = stage
        self._stack = stack
        self._chance = stage.chance
        self._parts: list[Part] = []
        self._clients = count()

    def start(self) -> None:
        """Begin a download, or one of a range."""
        target = self._chance.choice(self._stage.targets)
        if len(self.flights) >= MOST_FLIGHTS or not self._is_there(target):
            return
        described = describe(self._stage, target)
        if described is None:
            return
        start, stop, field_lines = 0, len(described.archive), []
        if self._chance.random() < _RANGES and stop > 1:
            start = self._chance.randrange(stop)
            stop = self._chance.randrange(start, stop) + 1
            # Without a validator it would be refused where this client has begun another version.
            validator = f"If-Match: {described.etag}"
            field_lines = [f"Range: bytes={start}-{stop - 1}", validator]
        client = self._new_client()
        connection, status, fields = self._ask(target, client, *field_lines)
        if status == 412:  # a file was found to be another meanwhile
            connection.close()
            return
        assert status == (206 if field_lines else 200), status
        assert int(fields["content-length"]) == stop - start
        archive = self._stage.bind(fields["etag"], described.archive)
        beginning = Beginning(target, client, fields["etag"], archive)
        self._take_off(connection, fields, beginning, content=archive[:start], stop=stop)

    def _is_there(self, target: Target) -> bool:
        if target.is_there:
            return True
        status = get(self._stage.server.port, link(target)).status
        is_uploaded = status == 503 and any(album.upload for album in target.albums())
        assert status == 404 or is_uploaded, status
        self._stage.counts["missing"] += 1
        return False

    def _take_off(
        self,
        connection: Connection,
        fields: Mapping[str, str],
        beginning: Beginning,
        *,
        content: bytes,
        stop: int,
    ) -> None:
        target = beginning.target
        files = SentFiles(beginning.archive, len(content), stop, target.states())
        # What may not be read may end it from the beginning.
        files.look(target.states(), self._stage.inodes())
        flight = Flight(connection, fields["x-request-id"], beginning, files, content)
        self.flights.append(flight)
        where = f"{files.start}-{stop} of {beginning.etag}"
        self._stage.note(target, f"{flight.request} begins {where}")

    def resume(self) -> None:
        """Go on as browsers do: with a validator."""
        part = self._taken_part()
        known = part and describe(self._stage, part.beginning.target)
        if part is None or known is None:
            return
        was = part.beginning
        fields_sent = f"Range: bytes={len(part.content)}-", f"If-Range: {was.etag}"
        connection, status, fields = self._ask(was.target, was.client, *fields_sent)
        archive = self._stage.bind(fields["etag"], known.archive)
        content = part.content
        if status == 206:
            assert fields["etag"] == was.etag, "a part of another archive"
            self._stage.counts["resumed"] += 1
        else:
            assert status == 200, status
            self._stage.counts["begun afresh"] += 1
            was, content = Beginning(was.target, was.client, fields["etag"], archive), b""
        was = replace(was, archive=archive)
        self._take_off(connection, fields, was, content=content, stop=len(archive))

    def resume_bare(self) -> None:
        """Go on as wget does: without a validator, and appending whatever comes."""
        part = self._taken_part()
        known = part and describe(self._stage, part.beginning.target)
        if part is None or known is None or not part.beginning.is_remembered:
            return
        was = part.beginning
        from_there = f"Range: bytes={len(part.content)}-"
        connection, status, fields = self._ask(was.target, was.client, from_there)
        if status == 206:
            if fields["etag"] != was.etag:
                request_id = fields["x-request-id"]
                raise self._stage.wrong(was.target, request_id, "two archives in one file")
            self._stage.counts["resumed without a validator"] += 1
            archive = self._stage.bind(was.etag, known.archive)
            now = replace(was, archive=archive)
            self._take_off(connection, fields, now, content=part.content, stop=len(archive))
            return
        connection.close()
        assert status == 412, status
        if known.etag == was.etag and was.begun_bytes >= BRIEF_BYTES:
            # A file may have been found to be another meanwhile.
            now_etag = self._stage.tag(was.target)
            assert now_etag != was.etag, "refused to go on with the same archive"
        self._stage.counts["refused to make one file of two archives"] += 1

    def _taken_part(self) -> Part | None:
        if not self._parts or len(self.flights) >= MOST_FLIGHTS:
            return None
        part = self._parts.pop(self._chance.randrange(len(self._parts)))
        return part if part.beginning.target.is_there else None

    def advance(self) -> None:
        """Let a client take some more."""
        if flight := self._some_flight():
            content, came = received(flight.connection, self._chance.randrange(flight.left + 1))
            flight.content += content
            if not came:
                self._land(flight)

    def finish(self) -> None:
        if flight := self._some_flight():
            self._take_the_rest(flight)

    def leave(self) -> None:
        """Let a client close its connection."""
        if flight := self._some_flight():
            self.flights.remove(flight)
            self._stage.note(flight.beginning.target, f"{flight.request} is left")
            self._keep(flight)
            self._stage.counts["left"] += 1
            if self._chance.random() < 0.5:
                flight.connection.reset()
            else:
                flight.connection.close()

    def ask_for_parts(self) -> None:
        """Get several ranges at once."""
        target = self._chance.choice(self._stage.targets)
        if not target.is_there or not all(s.is_readable for s in target.states().values()):
            return
        known = describe(self._stage, target)
        if known is None:
            return
        at = self._chance.randrange(len(known.archive))
        ranges = f"Range: bytes=0-0,{at}-{at + _PART_BYTES},-1"
        answer = get(self._stage.server.port, link(target), ranges)
        self._stage.counts["downloads"] += 1
        assert answer.status == 206
        archive = self._stage.bind(answer["etag"], known.archive)
        if "content-range" in answer:  # they have become one
            return
        for part in body_parts(answer):
            if part.data != archive[part.first_pos : part.last_pos + 1]:
                raise self._stage.wrong(target, "none", "other bytes in a part of several")

    def look(self) -> None:
        """Let each download take note of what has become of its files."""
        inodes = self._stage.inodes()
        for flight in self.flights:
            flight.files.look(flight.beginning.target.states(), inodes)

    def land_all(self) -> None:
        for flight in list(self.flights):
            self._take_the_rest(flight)

    def lose_server(self) -> None:
        """Take what comes of downloads whose server was killed, and go on with another."""
        for flight in list(self.flights):
            flight.server_was_killed = True
            flight.beginning = replace(flight.beginning, is_remembered=False)
            self._take_the_rest(flight)
        self._parts = [
            replace(part, beginning=replace(part.beginning, is_remembered=False))
            for part in self._parts
        ]

    def _take_the_rest(self, flight: Flight) -> None:
        flight.connection.open_window()
        content, _ = received(flight.connection, flight.left)
        flight.content += content
        self._land(flight)

    def _land(self, flight: Flight) -> None:
        self.flights.remove(flight)
        flight.connection.close()
        how = f"cut at {len(flight.content)}" if flight.left else "complete"
        self._stage.note(flight.beginning.target, f"{flight.request} is {how}")
        if flight.left:
            judge_cut(self._stage, flight)
            self._keep(flight)
        else:
            judge_complete(self._stage, flight)

    def _keep(self, flight: Flight) -> None:
        was, content = flight.beginning, flight.content
        is_beginning = not flight.files.start or was.begun_bytes
        if is_beginning and 0 < len(content) < len(was.archive):
            begun = replace(was, begun_bytes=was.begun_bytes or len(content))
            self._parts.append(Part(begun, content))
            del self._parts[:-_PARTS_KEPT]

    def _ask(
        self, target: Target, client: str, *field_lines: str
    ) -> tuple[Connection, int, dict[str, str]]:
        self._stage.counts["downloads"] += 1
        connection = Connection(self._stage.server.port, small_window=True, address=client)
        # Before the server is stopped, which waits for clients that have not left.
        self._stack.callback(connection.close)
        request_id = f"X-Request-ID: soak-{self._stage.counts['downloads']}"
        connection.send("GET", link(target), request_id, *field_lines)
        status, lines = connection.receive_head()
        return connection, status, dict(lines)

    def _new_client(self) -> str:
        number = next(self._clients) % _FORGOTTEN_AFTER
        return f"127.2.{number // 200}.{number % 200 + 1}"

    def _some_flight(self) -> Flight | None:
        return self._chance.choice(self.flights) if self.flights else None
