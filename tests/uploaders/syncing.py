"""Programs that keep two directories alike, the line between which stops half-way."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from harness.conditions import eventually
from harness.ports import free_port
from harness.readers import succeed
from uploaders.programs import WITHIN_S, Stopped, Upload, Uploader
from uploaders.relay import Command, installed, through_relay


def unison(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `.unison.NAME.….unison.tmp`."""
    program, work = installed("unison"), source.parent
    named = work / "own" / target.name
    named.parent.mkdir()
    source.rename(named)

    def of(name: str) -> Command:
        kept = work / f"unison-{name}"
        kept.mkdir()
        return ["env", f"UNISON={kept}", f"HOME={work}", program]

    def server(port: int) -> Command:
        return [*of("server"), "-listen", "127.0.0.1", "-socket", f"{port}"]

    def client(port: int) -> Command:
        roots = (named.parent, f"socket://127.0.0.1:{port}/{target.parent}")
        return [*of("client"), *roots, "-batch", "-silent", "-path", target.name]

    return through_relay(server, client, named, target.parent)


class _Syncing:
    """Two Syncthings that never end by themselves."""

    def __init__(self, sender: Stopped, receiver: Stopped, target: Path, size_bytes: int) -> None:
        self._both = (sender, receiver)
        self._sender = sender
        self._target = target
        self._size_bytes = size_bytes

    def go_on(self) -> None:
        self._sender.resume()
        eventually(lambda: self._is_there() or self._sender.has_failed(), within_s=WITHIN_S)
        assert self._is_there()

    def _is_there(self) -> bool:
        return self._target.exists() and self._target.stat().st_size == self._size_bytes

    def kill(self) -> None:
        for each in self._both:
            each.kill()


@contextmanager
def syncthing(source: Path, target: Path) -> Iterator[Upload]:
    """Write to `.syncthing.NAME.tmp`."""
    program, work = installed("syncthing"), source.parent
    named = work / "own" / target.name
    named.parent.mkdir()
    source.rename(named)
    homes = {"sender": named.parent, "receiver": target.parent}
    ids = {name: _made_home(program, work / name) for name in homes}
    port = free_port()
    for name, folder in homes.items():
        _configure(work / name, ids, name, folder, port)
    command = [program, "serve", "--no-browser", "--no-restart", "--no-upgrade", "--logfile=-"]
    with ExitStack() as stack:
        running = {}
        for name in ("receiver", "sender"):
            running[name] = Stopped([*command, f"--home={work / name}"])
            stack.callback(running[name].kill)
        temporary = target.with_name(f".syncthing.{target.name}.tmp")
        eventually(temporary.exists, within_s=WITHIN_S)
        running["sender"].pause()
        yield _Syncing(running["sender"], running["receiver"], target, named.stat().st_size)


def _made_home(program: str, home: Path) -> str:
    """Make keys and a configuration; return the id of the device."""
    place = f"--home={home}"
    succeed([program, "generate", "--no-default-folder", place])
    return succeed([program, "--device-id", place]).strip()


def _configure(home: Path, ids: dict[str, str], name: str, folder: Path, port: int) -> None:
    """Have two devices share a folder over a port of this machine, slowly, and see no other."""
    (folder / ".stfolder").mkdir()
    path = home / "config.xml"
    root = ET.parse(path).getroot()
    for each in [*root.findall("device"), *root.findall("folder")]:
        root.remove(each)
    shared = ET.SubElement(
        root, "folder", id="album", path=str(folder), type="sendreceive", rescanIntervalS="3600"
    )
    for other, device_id in ids.items():
        ET.SubElement(shared, "device", id=device_id)
        device = ET.SubElement(root, "device", id=device_id, name=other)
        address = f"tcp://127.0.0.1:{port}" if other == "receiver" else "dynamic"
        ET.SubElement(device, "address").text = address
    gui = root.find("gui")
    assert gui is not None
    gui.set("enabled", "false")
    options = root.find("options")
    assert options is not None
    listens = f"tcp://127.0.0.1:{port if name == 'receiver' else 0}"
    values = {
        "listenAddress": listens,
        "maxSendKbps": "500",
        "limitBandwidthInLan": "true",
        "urAccepted": "-1",
        "crashReportingEnabled": "false",
        "stunKeepaliveStartS": "0",
        "reconnectionIntervalS": "1",
        "setLowPriority": "false",  # which would take it out of its process group
    }
    switches = ("globalAnnounceEnabled", "localAnnounceEnabled", "relaysEnabled", "natEnabled")
    for key, value in {**values, **dict.fromkeys(switches, "false")}.items():
        for old in options.findall(key):
            options.remove(old)
        ET.SubElement(options, key).text = value
    ET.ElementTree(root).write(path)


SYNCHRONIZERS: Sequence[Uploader] = (unison, syncthing)
