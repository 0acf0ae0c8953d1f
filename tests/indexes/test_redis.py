"""What an index in Redis has of its own: lists that end, and keys that others may have taken."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from harness.readers import need
from harness.server import REPOSITORY
from harness.stores import PASSWORD, RedisServer, redis_server
from indexes.conftest import MakeIndex, outage

from archive_service.archive.id import ArchiveId
from archive_service.checksums.crc_index.base import Rows, album_digest
from archive_service.checksums.crc_index.index_url import make_store, parse_index_url
from archive_service.observe.events import Event

ONE = ArchiveId("1" * 32)
VERSION = b"v" * 32
KEEP_DAYS = 10
KEY = f"archive-service:v1:own:{album_digest(ONE.value).hex()}"


@pytest.fixture
def url(redis_store: RedisServer) -> str:
    redis_store.wipe()
    return f"{redis_store.url}?namespace=own&keep_days={KEEP_DAYS}"


def test_a_list_ends_and_each_use_begins_its_time_anew(
    redis_store: RedisServer, make_index: MakeIndex, url: str
) -> None:
    index = make_index(url)
    index.store(ONE, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2)]))
    with redis_store.client() as client:
        uses = (
            lambda: index.store(ONE, Rows.of([(b"c", VERSION, 1)])),
            lambda: index.load(ONE),
            lambda: index.forget(ONE, [b"b"]),
        )
        assert KEEP_DAYS * 86400 - 60 < client.ttl(KEY) <= KEEP_DAYS * 86400
        for use in uses:
            assert client.expire(KEY, 60)
            use()
            assert KEEP_DAYS * 86400 - 60 < client.ttl(KEY) <= KEEP_DAYS * 86400


def test_a_key_that_somebody_else_has_taken_is_taken_back(
    redis_store: RedisServer, make_index: MakeIndex, url: str
) -> None:
    index = make_index(url)
    with redis_store.client() as client:
        client.set(KEY, "text")
    assert index.load(ONE) == {}
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    assert index.load(ONE) == {b"a": (VERSION, 1)}


@pytest.mark.parametrize("element", [b"", b"x" * 23, b"x" * 24, b"\xff" * 100])
def test_an_element_that_is_none_of_ours_is_ignored(
    redis_store: RedisServer, make_index: MakeIndex, url: str, element: bytes
) -> None:
    index = make_index(url)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    with redis_store.client() as client:
        client.rpush(KEY, element)
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    index.forget(ONE, [b"b"])
    index.store(ONE, Rows.of([(b"c", VERSION, 1)]))
    assert index.load(ONE) == {b"a": (VERSION, 1), b"c": (VERSION, 1)}


def test_keys_of_another_layout_or_program_are_left_alone(
    redis_store: RedisServer, make_index: MakeIndex, url: str
) -> None:
    others = {b"archive-service:v2:own:00", b"archive-service:v1:owner:00", b"session"}
    index = make_index(url)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    with redis_store.client() as client:
        for key in others:
            client.set(key, "x")
        index.prune([])
        assert set(client.scan_iter()) == others


def test_the_commands_that_the_document_names_are_enough(
    redis_store: RedisServer, make_index: MakeIndex, url: str
) -> None:
    document = (REPOSITORY / "docs" / "operations.md").read_text()
    (rights,) = (line for line in document.splitlines() if "A user of Redis needs" in line)
    named = re.findall(r"\b[A-Z]{3,}\b", rights)
    with redis_store.client() as client:
        client.acl_setuser(
            "limited",
            enabled=True,
            passwords=[f"+{PASSWORD}"],
            keys=["archive-service:*"],
            commands=[f"+{command.lower()}" for command in named],
        )
    index = make_index(url.replace("//:", "//limited:"))
    index.store(ONE, Rows.of([(b"a", VERSION, 1), (b"b", VERSION, 2)]))
    index.forget(ONE, [b"b"])
    index.forget(ONE, [b"never known"])
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    index.prune([])
    assert index.load(ONE) == {}
    store = make_store(parse_index_url(url.replace("//:", "//limited:")))
    assert "Redis" in store.condition().text


def test_a_command_that_is_not_permitted_is_told(
    redis_store: RedisServer, make_index: MakeIndex, url: str
) -> None:
    with redis_store.client() as client:
        client.acl_setuser("nobody", enabled=True, passwords=[f"+{PASSWORD}"])
    happened: list[Event] = []
    index = make_index(url.replace("//:", "//nobody:"), happened.append)
    index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
    assert index.load(ONE) == {b"a": (VERSION, 1)}
    assert happened == [outage("a command not permitted")]


def test_the_certificate_of_the_server_is_checked(make_index: MakeIndex, tmp_path: Path) -> None:
    need("openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=store"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    with redis_server("--tls-cert-file", str(certificate), "--tls-key-file", str(key)) as server:
        happened: list[Event] = []
        make_index(server.url, happened.append).load(ONE)
        assert happened == [outage("can't be reached")]
        index = make_index(f"{server.url}?ssl_ca_certs={certificate}")
        index.store(ONE, Rows.of([(b"a", VERSION, 1)]))
        assert index.load(ONE) == {b"a": (VERSION, 1)}


def test_advice_is_given_where_a_full_server_would_refuse_what_is_new(
    redis_store: RedisServer, url: str
) -> None:
    def advice(maxmemory: str, policy: str) -> str:
        with redis_store.client() as client:
            client.config_set("maxmemory", maxmemory)
            client.config_set("maxmemory-policy", policy)
        return " ".join(make_store(parse_index_url(url)).condition().advice)

    try:
        assert "no maxmemory" in advice("0", "noeviction")
        assert "takes nothing new" in advice("100mb", "noeviction")
        assert advice("100mb", "allkeys-lru") == ""
    finally:
        advice("0", "noeviction")
