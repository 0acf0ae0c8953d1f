"""A process ends though a name server, which no time-out bounds, has not answered yet."""

from __future__ import annotations

import subprocess
import sys

import pytest
from harness.server import REPOSITORY, environment

SHARED_INDEX = """
from threading import Event
from archive_service.checksums.crc_index.deadline_call import DeadlineCall
from archive_service.checksums.crc_index.block_store import StoreFailed

class Store:
    def cut(self):
        pass

try:
    DeadlineCall(Store()).ask(lambda store: Event().wait(), within_s=0.1)
except StoreFailed:
    print("given up")
"""
OBJECT_STORE = """
import asyncio
from threading import Event
from archive_service.storage.s3.loop import LoopThread

begun = Event()

def look_up():
    begun.set()
    Event().wait()

async def ask():
    await asyncio.get_running_loop().run_in_executor(None, look_up)

thread = LoopThread("store")
thread.start(ask())
begun.wait()
thread.close(asyncio.sleep(0))
print("given up")
"""


@pytest.mark.parametrize("program", [SHARED_INDEX, OBJECT_STORE], ids=["index", "objects"])
def test_a_process_ends_while_a_name_is_looked_up(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment({"PYTHONPATH": str(REPOSITORY)}),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "given up\n"
