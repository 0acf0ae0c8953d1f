"""Downloads through each front web server, with its file of deploy/."""

from __future__ import annotations

import re
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from front.client import connected, curl, get, request, started_curl
from front.conftest import Site
from front.fronts import Front, running
from front.place import HOST
from front.programs import COMMANDS, versions_of
from front.recorder import recording
from harness import http
from harness.albums import HASH, let_date_begin, make_album, make_sparse, noise
from harness.conditions import eventually
from harness.readers import need, succeed
from harness.server import Server, serving

pytestmark = pytest.mark.front

TARGET = f"/archive/{HASH}/"
FILES = {"1.jpg": noise(3_000_000), "Лето/2.jpg": noise(300_000), "3.txt": b"three"}
LARGE, LARGE_BYTES = "f" * 32, 300_000_000
LARGE_TARGET = f"/archive/{LARGE}/"
AHEAD_BYTES = 64 << 20
"""More than the buffers of two connections hold, and far less than the large album."""
REFUSED_BY_ITSELF = {("lighttpd", f"{TARGET}?name=a%00b")}
"""Front web servers, and the requests that they refuse themselves, with the service's status."""
UNCHANGED = (
    *("content-length", "content-type", "content-disposition", "etag", "last-modified"),
    *("accept-ranges", "content-range", "cache-control", "retry-after", "x-robots-tag"),
    *("x-content-type-options", "referrer-policy", "content-language", "content-encoding"),
)


@pytest.fixture
def whole(site: Site) -> bytes:
    """The archive as it comes from the service itself."""
    if not (site.photos_dir / HASH).exists():
        let_date_begin(make_album(site.photos_dir, FILES))
    return http.get(site.service.port, TARGET).content


@pytest.fixture
def large(site: Site) -> int:
    """The length of a large archive."""
    if not (site.photos_dir / LARGE).exists():
        make_sparse(site.photos_dir / LARGE / "large.jpg", LARGE_BYTES)
    return int(http.request(site.service.port, "HEAD", LARGE_TARGET)["content-length"])


def metric(service: Server, name: str) -> float:
    metrics = http.get(service.port, "/metrics").content.decode()
    found = re.search(rf"^{name} (\S+)$", metrics, re.MULTILINE)
    assert found, name
    return float(found[1])


class Sending:
    """Returns whether the service has stopped sending."""

    def __init__(self, service: Server) -> None:
        self._service = service
        self._before = -1.0

    def is_over(self) -> bool:
        before, self._before = self._before, metric(self._service, "archive_sent_bytes_total")
        return before == self._before


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_archive_is_whole_over(version: str, front: Front, whole: bytes, tmp_path: Path) -> None:
    need("unzip")
    archive = tmp_path / "album.zip"
    done = curl(front, TARGET, "-f", version, "-o", str(archive), "-w", "%{http_version}")
    assert done.returncode == 0, done.stdout
    assert done.stdout == version.removeprefix("--http")
    assert archive.read_bytes() == whole
    succeed(["unzip", "-tq", str(archive)])


@pytest.mark.parametrize(
    ("method", "target", "fields"),
    [
        ("GET", TARGET, ()),
        ("HEAD", TARGET, ()),
        ("GET", f"{TARGET}?name=%D0%9B%D0%B5%D1%82%D0%BE%20%26%2b", ()),
        ("GET", f"{TARGET}?file=%D0%9B%D0%B5%D1%82%D0%BE%2F2.jpg&file=3.txt", ()),
        ("GET", f"{TARGET}?name=Summer...&part=2%2F3", ()),
        ("GET", f"{TARGET}?part=2/3&name=a%2e%2eb", ()),
        ("GET", f"{TARGET}manifest.json", ("Accept-Encoding: gzip, br",)),
        ("GET", f"/archive/{'0' * 31}x/", ("Accept-Language: ru",)),
        ("GET", f"{TARGET}?name=a%00b", ()),
        ("GET", TARGET, ("Range: bytes=5-",)),
        ("GET", TARGET, ("Range: bytes=100-299",)),
        ("GET", TARGET, ("Range: bytes=-1000",)),
        ("GET", TARGET, ("Range: bytes=0-0,500-599,2000000-2000009",)),
        ("GET", TARGET, ("Range: bytes=999999999-",)),
        ("GET", TARGET, ("Range: bytes=5-1",)),
        ("GET", TARGET, ("Range: lines=1-2",)),
        ("GET", TARGET, ("Range: bytes=5-", 'If-Range: "another"')),
        ("GET", TARGET, ('If-Match: "another"',)),
        ("GET", TARGET, ("If-None-Match: *",)),
        ("GET", TARGET, ("If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",)),
        ("GET", TARGET, ("If-Unmodified-Since: Fri, 01 Jan 2010 00:00:00 GMT",)),
        ("GET", f"/archive/{HASH}", ()),
    ],
)
def test_answer_is_that_of_the_service(
    method: str, target: str, fields: tuple[str, ...], site: Site, whole: bytes
) -> None:
    own = http.request(site.service.port, method, target, *fields)
    answer = request(site.front, method, target, *fields)
    assert answer.status == own.status
    if (site.name, target) in REFUSED_BY_ITSELF:
        return
    for name in UNCHANGED:
        if name == "content-type" and "multipart" in own.fields.get(name, ""):
            continue
        assert answer.fields.get(name) == own.fields.get(name), name
    if "location" in own:
        assert answer["location"].endswith(own["location"])
    # The boundary of multipart/byteranges is another in each answer.
    if "multipart" not in own.fields.get("content-type", ""):
        assert answer.content == own.content
    assert len(answer.content) == len(own.content)


def test_if_range_passes(front: Front, whole: bytes) -> None:
    entity_tag = request(front, "HEAD", TARGET)["etag"]
    rest = get(front, TARGET, "Range: bytes=1000000-", f"If-Range: {entity_tag}")
    assert rest.status == 206
    assert rest.content == whole[1_000_000:]


def test_first_bytes_do_not_wait_for_more(
    site: Site, whole: bytes, tmp_path_factory: pytest.TempPathFactory, request_name: str
) -> None:
    """The service sends 256 KiB and pauses for longer than a test."""
    cache_dir = tmp_path_factory.mktemp("cache")
    with (
        serving(site.photos_dir, cache_dir, "--debug", "--delay", "60") as service,
        running(request_name, service_port=service.port) as front,
        connected(front) as connection,
    ):
        connection.send("GET", TARGET)
        status, _ = connection.receive_head()
        assert status == 200
        assert connection.receive_content(256 * 1024) == whole[: 256 * 1024]


def test_nothing_is_stored_for_a_client_that_pauses(site: Site, large: int) -> None:
    front = site.front
    before, written = metric(site.service, "archive_sent_bytes_total"), front.written_bytes()
    with connected(front, small_window=True) as connection:
        connection.send("GET", LARGE_TARGET)
        assert connection.receive_head()[0] == 200
        sending = Sending(site.service)
        eventually(sending.is_over)
        assert metric(site.service, "archive_sent_bytes_total") - before < AHEAD_BYTES
        connection.open_window()
        assert len(connection.receive_content(large)) == large
    assert front.written_bytes() - written < 1 << 20


def test_client_that_leaves_frees_the_service(site: Site, large: int) -> None:
    after = len(site.service.lines)
    with connected(site.front, small_window=True) as connection:
        connection.send("GET", LARGE_TARGET)
        assert connection.receive_head()[0] == 200
    site.service.wait_for(r"event=download.interrupted .*client left", after=after)


def test_broken_download_is_seen_to_be_broken(site: Site, tmp_path: Path) -> None:
    """The service aborts what is no longer whole, and so does the front web server."""
    name = "b" * 32
    path = make_sparse(site.photos_dir / name / "1.jpg", LARGE_BYTES)
    for version in versions_of(site.name):
        target = tmp_path / version
        after = len(site.service.lines)
        with started_curl(
            site.front, f"/archive/{name}/", version, "-o", str(target), "--limit-rate", "10M",
            cwd=tmp_path,
        ) as process:  # fmt: skip
            site.service.wait_for("event=download.started", after=after)
            with path.open("r+b") as file:
                file.truncate(LARGE_BYTES - 1_000_000)
            site.service.wait_for("event=download.interrupted", after=after, timeout_s=60)
            process.communicate(timeout=120)
        assert process.returncode in (18, 92)
        with path.open("r+b") as file:
            file.truncate(LARGE_BYTES)


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
def test_curl_resumes(version: str, front: Front, whole: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "album.zip"
    archive.write_bytes(whole[:1_234_567])
    done = curl(front, TARGET, "-f", version, "-C", "-", "-o", str(archive))
    assert done.returncode == 0, done.stdout
    assert archive.read_bytes() == whole


def test_download_is_resumed_after_a_restart(site: Site, large: int) -> None:
    front = site.front
    with connected(front, small_window=True) as connection:
        connection.send("GET", LARGE_TARGET)
        status, field_lines = connection.receive_head()
        assert status == 200
        received = connection.receive_content(1_000_000)
        front.kill()
        with pytest.raises((http.Truncated, OSError)):
            connection.receive_content(large)
    front.start()
    entity_tag = dict(field_lines)["etag"]
    rest = get(front, LARGE_TARGET, "Range: bytes=1000000-", f"If-Range: {entity_tag}")
    assert rest.status == 206
    with zipfile.ZipFile(BytesIO(received + rest.content)) as archive:
        assert archive.testzip() is None


@pytest.fixture
def request_name(request: pytest.FixtureRequest) -> str:
    """The name of the front web server that the test is for."""
    return str(request.node.callspec.params["site"])


@pytest.mark.parametrize("name", COMMANDS)
class TestWhatTheServiceIsAsked:
    """A recorder stands in the place of the service, and another in that of the site."""

    def test_address_is_the_visitors_whatever_it_says(self, name: str) -> None:
        with recording() as service, running(name, service_port=service.port) as front:
            for version in versions_of(name):
                curl(
                    front, TARGET, version, "--interface", "127.0.0.5",
                    "-H", "X-Forwarded-For: 203.0.113.1", "-H", "X-Forwarded-For: 203.0.113.2",
                    "-H", "Forwarded: for=203.0.113.3",
                )  # fmt: skip
        assert len(service.asked) == len(versions_of(name))
        for asked in service.asked:
            assert asked.fields.get_all("X-Forwarded-For") == ["127.0.0.5"]
            assert asked.fields.get("Forwarded", "") == ""
            assert re.fullmatch(rf"example\.org(:{front.port})?", asked.fields["Host"])

    def test_path_and_query_arrive_as_they_were_sent(self, name: str) -> None:
        target = f"{TARGET}?name=%D0%9B+%2B%26&file=a%2Fb&file=c%20d"
        with recording() as service, running(name, service_port=service.port) as front:
            get(front, target)
        assert [asked.target for asked in service.asked] == [target]

    def test_cookies_and_the_page_before_stay_in_front(self, name: str) -> None:
        cookies = "; ".join(f"name{number}={'c' * 3_000}" for number in range(3))
        with recording() as service, running(name, service_port=service.port) as front:
            for version in versions_of(name):
                curl(front, TARGET, version, "-b", cookies, "-e", f"https://{HOST}{TARGET}")
        assert len(service.asked) == len(versions_of(name))
        for asked in service.asked:
            assert asked.fields.get("Cookie", "") == asked.fields.get("Referer", "") == ""

    def test_a_form_of_four_hundred_pictures_arrives(self, name: str) -> None:
        target = f"{TARGET}?{'&'.join(f'file=DSC_{number:05d}.jpg' for number in range(400))}"
        with recording() as service, running(name, service_port=service.port) as front:
            for version in versions_of(name):
                curl(front, target, version)
        assert [asked.target for asked in service.asked] == [target] * len(versions_of(name))

    @pytest.mark.parametrize(
        "target",
        [
            *("/", "/metrics", "/healthz", "/readyz", "/archive", "/static/x"),
            *("/archive/../metrics", "/archive/%2e%2e/metrics", "/archive/..%2fmetrics"),
            *("//metrics", "/x/../metrics", "/archive/x/../../metrics", "/archivex/"),
        ],
    )
    def test_nothing_else_goes_through(self, target: str, name: str) -> None:
        with (
            recording() as service,
            recording() as elsewhere,
            running(name, service_port=service.port, site_port=elsewhere.port) as front,
        ):
            curl(front, target)
        assert service.asked == []
