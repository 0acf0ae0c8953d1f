"""A Ceph of one monitor, one OSD in memory and a gateway that speaks S3, with cephx.

The daemons are Debian's, run from their own directory on ports of 127.0.0.1 alone; they need no
rights but those of the user.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from harness.conditions import eventually
from harness.ports import free_port, is_listened_on
from harness.readers import need
from harness.s3 import CREDENTIALS, Bucket
from harness.server import environment

_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{mon_port}
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {directory}/keyring
run dir = {directory}
admin socket =
log file = {directory}/$name.log
pid file =
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
public addr = 127.0.0.1
cluster addr = 127.0.0.1
[mon]
mon data = {directory}/mon
[osd]
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
[client.rgw]
rgw data = {directory}/rgw
rgw frontends = beast endpoint=127.0.0.1:{rgw_port}
"""
_CAPABILITIES = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
    "client.rgw": {"mon": "allow rwx", "osd": "allow rwx"},
}
_TIMEOUT_S = 120.0


class _Cluster:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fsid = str(uuid4())
        self.mon_port, self.rgw_port = free_port(), free_port()
        for name in ("mon", "osd", "rgw"):
            (directory / name).mkdir()
        (directory / "ceph.conf").write_text(
            _CONFIGURATION.format(
                directory=directory,
                fsid=self._fsid,
                mon_port=self.mon_port,
                rgw_port=self.rgw_port,
            )
        )

    def make_keys(self) -> None:
        for number, (name, rights) in enumerate(_CAPABILITIES.items()):
            caps = [text for right in rights.items() for text in ("--cap", *right)]
            create = ["--create-keyring"] if not number else []
            keyring = str(self._directory / "keyring")
            self.run("ceph-authtool", keyring, *create, "--gen-key", "-n", name, *caps)

    def make_monitor(self) -> None:
        monitors, keyring = str(self._directory / "monmap"), str(self._directory / "keyring")
        address = f"v2:127.0.0.1:{self.mon_port}"
        self.run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", address, monitors)
        self.run("ceph-mon", "-i", "a", "--mkfs", "--monmap", monitors, "--keyring", keyring)

    def make_osd(self) -> None:
        name = str(uuid4())
        self.run("ceph", "osd", "new", name, "0")
        self.run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", name)

    def make_user(self) -> None:
        access, secret = CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"]
        user = ("--uid", "site", "--display-name", "site")
        keys = ("--access-key", access, "--secret", secret)
        self.run("radosgw-admin", "-n", "client.rgw", "user", "create", *user, *keys)

    def run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [program, *self._configured(program), *arguments],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @contextmanager
    def running(self, program: str, *arguments: str) -> Iterator[None]:
        with (self._directory / f"{program}.out").open("wb") as said:
            process = subprocess.Popen(
                [program, *self._configured(program), "-f", *arguments],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def _configured(self, program: str) -> list[str]:
        if program in ("ceph-authtool", "monmaptool"):
            return []
        return ["-c", str(self._directory / "ceph.conf")]


@contextmanager
def ceph(directory: Path) -> Iterator[Bucket]:
    """Run the store with an empty bucket until the block ends."""
    need("ceph", "ceph-mon", "ceph-osd", "radosgw")
    cluster = _Cluster(directory)
    cluster.make_keys()
    cluster.make_monitor()
    with ExitStack() as stack:
        stack.enter_context(cluster.running("ceph-mon", "-i", "a"))
        eventually(lambda: is_listened_on(cluster.mon_port), within_s=_TIMEOUT_S)
        cluster.make_osd()
        stack.enter_context(cluster.running("ceph-osd", "-i", "0"))
        stack.enter_context(cluster.running("radosgw", "-n", "client.rgw"))
        eventually(lambda: is_listened_on(cluster.rgw_port), within_s=_TIMEOUT_S)
        cluster.make_user()
        bucket = Bucket(f"http://127.0.0.1:{cluster.rgw_port}")
        bucket.make()
        yield bucket
        bucket.client.close()
