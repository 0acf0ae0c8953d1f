"""Servers of WebDAV, each with a client that is stopped half-way.

None of them is installed for the tests by `.ci/run`: a test is skipped where its program is not.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import pytest
from uploaders.programs import Upload
from uploaders.relay import Command, by_curl, installed, through_relay, unseen_through_relay


def putting(source: Path, target: Path) -> Callable[[int], Command]:
    return lambda port: by_curl("-T", source, f"http://127.0.0.1:{port}/{target.name}")


def _wsgidav(album: Path) -> Callable[[int], Command]:
    program = installed("wsgidav")
    options = ("--host", "127.0.0.1", "--auth", "anonymous", "--server", "cheroot", "-q")
    return lambda port: [program, *options, "--root", album, "--port", f"{port}"]


def wsgidav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name."""
    installed("curl")
    return through_relay(_wsgidav(target.parent), putting(source, target), source, target.parent)


def apache_dav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to `.davfs.tmpXXXXXX`."""
    program = installed("curl", "unshare", "apache2")
    if os.geteuid():
        pytest.skip("Apache's user reaches the album through a mount, which takes root")
    work, album = source.parent, target.parent
    for each in (work, album):
        each.chmod(0o777)
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", "dav", "dav_fs")
    )

    def server(port: int) -> Command:
        (work / "apache2.conf").write_text(
            f"{modules}Listen 127.0.0.1:{port}\nServerName localhost\nPidFile {work}/pid\n"
            f"DefaultRuntimeDir {work}\nMutex posixsem\nErrorLog {work}/error.log\n"
            "User nobody\nGroup nogroup\nDavLockDB /srv/locks\nDocumentRoot /mnt\n"
            "<Directory /mnt>\nDav On\n</Directory>\n"
        )
        script = (
            f"mount --bind {album} /mnt && mount --bind {work} /srv && "
            f"exec {program} -D FOREGROUND -f {work}/apache2.conf"
        )
        return ["unshare", "--mount", "sh", "-c", script]

    return through_relay(server, putting(source, target), source, album)


def rclone_serve(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to the final name, in steps of a megabyte."""
    program = installed("curl", "rclone")

    def server(port: int) -> Command:
        return [program, "serve", "webdav", "--config=", f"--addr=127.0.0.1:{port}", target.parent]

    return through_relay(server, putting(source, target), source, target.parent)


@contextmanager
def davfs2(source: Path, target: Path) -> Iterator[Upload]:
    """Mount a WebDAV server, and copy a file to it as people do."""
    program = installed("umount", "mount.davfs")
    if os.geteuid() or not Path("/dev/fuse").exists():
        pytest.skip("davfs2 needs root and /dev/fuse")
    mounted, options = source.parent / "mounted", source.with_name("davfs2.conf")
    mounted.mkdir()
    options.write_text("use_locks 0\nask_auth 0\ndelay_upload 0\n")

    def client(port: int) -> Command:
        script = (
            f"{program} -o conf={options} http://127.0.0.1:{port}/ {mounted}"
            f" && cp {source} {mounted}/{target.name} && umount {mounted}"
        )
        return ["sh", "-c", script]

    try:
        with through_relay(_wsgidav(target.parent), client, source, target.parent) as upload:
            yield upload
    finally:
        for each in Path("/run/mount.davfs").glob(f"*{source.parent.name}-mounted.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGKILL)
        subprocess.run(["umount", "-l", mounted], check=False, capture_output=True)


def lighttpd_dav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Write to a file without a name (O_TMPFILE)."""
    program, work = installed("curl", "lighttpd"), source.parent
    if not Path("/usr/lib/lighttpd/mod_webdav.so").exists():
        pytest.skip("lighttpd has no mod_webdav")

    def server(port: int) -> Command:
        configuration = work / "lighttpd.conf"
        configuration.write_text(
            'server.modules = ("mod_webdav")\nserver.bind = "127.0.0.1"\n'
            f'server.port = {port}\nserver.document-root = "{target.parent}"\n'
            f'server.upload-dirs = ("{work}")\nserver.errorlog = "{work}/error.log"\n'
            'webdav.activate = "enable"\n'
        )
        return [program, "-D", "-f", configuration]

    return unseen_through_relay(server, putting(source, target), source)


def nginx_dav(source: Path, target: Path) -> AbstractContextManager[Upload]:
    """Keep the content elsewhere, and give it its name when it is whole."""
    program, work = installed("curl", "nginx"), source.parent

    def server(port: int) -> Command:
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {work}/{kind};\n" for kind in kinds)
        configuration = work / "nginx.conf"
        user = "user root;\n" if os.geteuid() == 0 else ""
        configuration.write_text(
            f"{user}daemon off;\npid {work}/pid;\nerror_log {work}/error.log;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}client_max_body_size 0;\n"
            f"server {{\nlisten 127.0.0.1:{port};\nroot {target.parent};\n"
            "location / { dav_methods PUT; }\n}\n}\n"
        )
        return [program, "-c", configuration, "-p", work]

    return unseen_through_relay(server, putting(source, target), source)
