"""Downloads at full speed make their steps in turns of the event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial

from archive_service.transfer.loop_turns import AT_ONCE, LoopTurns, Turns, later_turn
from archive_service.transfer.socket_writer import SocketWriter

DOWNLOADS = 5
SENT_BYTES = 4 * 1024 * 1024
TURNS_OF_THE_LOOP = 200


def turns_of_several(alone_s: float = 0) -> LoopTurns:
    """Return the turns of several downloads."""
    turns = LoopTurns(alone_s=alone_s)
    for _ in range(DOWNLOADS):
        turns.join()
    return turns


async def turns_of_the_loop(until: asyncio.Event) -> int:
    """Count the turns of the loop until an event."""
    count = 0
    while not until.is_set():
        count += 1
        assert count < TURNS_OF_THE_LOOP
        await asyncio.sleep(0)
    return count


def test_one_turn_of_the_loop_has_one_step_and_steps_keep_their_order() -> None:
    async def run() -> None:
        turns, made, is_done = turns_of_several(), list[int](), asyncio.Event()
        assert turns.take()
        for number in range(DOWNLOADS):
            assert not turns.take()
            turns.put_off(partial(made.append, number))
        turns.put_off(is_done.set)
        assert made == []
        assert await turns_of_the_loop(is_done) == DOWNLOADS + 1
        assert made == list(range(DOWNLOADS))

    asyncio.run(run())


def test_who_waits_for_a_turn_gets_it_before_those_that_ask_later() -> None:
    async def run() -> None:
        turns, is_done = turns_of_several(), asyncio.Event()
        assert turns.take()
        waiting = asyncio.ensure_future(later_turn(turns))
        await asyncio.sleep(0)
        turns.put_off(is_done.set)
        assert not waiting.done()
        await turns_of_the_loop(is_done)
        await waiting

    asyncio.run(run())


def test_a_download_that_is_given_up_holds_up_no_other() -> None:
    async def run() -> None:
        turns, is_done = turns_of_several(), asyncio.Event()
        assert turns.take()
        given_up = asyncio.ensure_future(later_turn(turns))
        await asyncio.sleep(0)
        turns.put_off(is_done.set)
        given_up.cancel()
        await turns_of_the_loop(is_done)

    asyncio.run(run())


def test_one_whose_turn_it_is_goes_on_while_no_other_waits() -> None:
    async def run() -> None:
        turns = turns_of_several(alone_s=60)
        assert all(turns.take() for _ in range(DOWNLOADS))
        await asyncio.sleep(0)
        assert turns.take()

    asyncio.run(run())


def test_a_download_alone_goes_on_without_turns_of_the_loop_after_each_wait() -> None:
    turns = LoopTurns(alone_s=60)
    turns.join()
    turns.note_wait()
    # Without a loop: nothing is called in a later turn.
    assert all(turns.take() for _ in range(DOWNLOADS))


def test_a_download_alone_gives_way_if_its_client_takes_all_at_once() -> None:
    turns = LoopTurns(alone_s=0)
    turns.join()
    turns.note_wait()
    assert not turns.take()


def test_a_download_that_ends_leaves_the_other_alone() -> None:
    async def run() -> None:
        turns = LoopTurns(alone_s=60)
        for _ in range(2):
            turns.join()
        assert turns.take()
        await asyncio.sleep(0)
        turns.leave()
        turns.note_wait()
        assert turns.take()

    asyncio.run(run())


def test_of_several_sockets_with_room_one_is_sent_to_in_a_turn_of_the_loop() -> None:
    assert asyncio.run(most_sent_to_in_a_turn(turns_of_several())) == 1
    assert asyncio.run(most_sent_to_in_a_turn(AT_ONCE)) == DOWNLOADS


async def most_sent_to_in_a_turn(turns: Turns) -> int:
    """Give several full sockets room; return to how many one turn of the loop sends at most."""
    with ExitStack() as stack:
        pairs = [(stack.enter_context(a), stack.enter_context(b)) for a, b in socket_pairs()]
        writers = [SocketWriter(ours) for ours, _ in pairs]
        for writer in writers:
            stack.callback(writer.close)
            assert writer.begin(memoryview(bytes(SENT_BYTES)))
        sending = [asyncio.ensure_future(writer.finish(turns)) for writer in writers]
        await asyncio.sleep(0)  # each has asked to be called when there is room
        for _, theirs in pairs:
            drain(theirs)
        most = 0
        for _ in range(2 * DOWNLOADS):
            before = [writer.left_bytes for writer in writers]
            await asyncio.sleep(0)
            after = [writer.left_bytes for writer in writers]
            most = max(most, sum(map(int.__ne__, before, after)))
        for each in sending:
            each.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        return most


def socket_pairs() -> Iterator[tuple[socket.socket, socket.socket]]:
    for _ in range(DOWNLOADS):
        pair = socket.socketpair()
        for end in pair:
            end.setblocking(False)
        yield pair


def drain(connection: socket.socket) -> None:
    with suppress(BlockingIOError):
        while True:
            connection.recv(SENT_BYTES)
