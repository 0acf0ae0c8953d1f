"""INDEX_URL taken apart, and refused without a word of what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from archive_service.checksums.crc_index.index_url import make_store, parse_index_url

SECRET = "s3cret-pass"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/cache/crc.sqlite3", "/var/cache/crc.sqlite3"),
        ("sqlite:////var/cache/crc.sqlite3", "/var/cache/crc.sqlite3"),
        ("sqlite:///with%20space", "/with space"),
    ],
)
def test_a_file_is_an_absolute_path(url: str, path: str) -> None:
    address = parse_index_url(url)
    assert (address.kind.name, address.path) == ("sqlite", Path(path))


@pytest.mark.parametrize(
    ("url", "kind", "passed_on", "shown"),
    [
        ("redis://h", "redis", "redis://h", "redis://h"),
        (
            f"rediss://u:{SECRET}@h:6380/2?ssl_ca_certs=%2Fa%20b&namespace=n",
            "redis",
            f"rediss://u:{SECRET}@h:6380/2?ssl_ca_certs=%2Fa%20b",
            "rediss://h:6380/2",
        ),
        (
            f"postgresql://u:{SECRET}@h1:1,h2:2/d?sslmode=verify-full&max_size=2G",
            "postgresql",
            f"postgresql://u:{SECRET}@h1:1,h2:2/d?sslmode=verify-full",
            "postgresql://h1:1,h2:2/d",
        ),
        (
            "postgres:///d?host=/run/postgresql",
            "postgresql",
            "postgres:///d?host=%2Frun%2Fpostgresql",
            "postgres:///d",
        ),
    ],
)
def test_the_library_gets_what_is_not_ours_and_nobody_sees_the_password(
    url: str, kind: str, passed_on: str, shown: str
) -> None:
    address = parse_index_url(url)
    assert (address.kind.name, address.url, address.shown) == (kind, passed_on, shown)
    assert SECRET not in repr(address)
    make_store(address).close()


def test_options_have_defaults_and_are_taken() -> None:
    plain = parse_index_url("postgresql://h/d")
    assert (plain.namespace, plain.keep_days, plain.most_bytes) == ("default", 90, 4 * 10**9)
    given = parse_index_url("postgresql://h/d?namespace=a.b_c-1&keep_days=7&max_size=500M")
    assert (given.namespace, given.keep_days, given.most_bytes) == ("a.b_c-1", 7, 500 * 10**6)


@pytest.mark.parametrize(
    "url",
    [
        "",
        SECRET,
        f"mysql://u:{SECRET}@h/d",
        "sqlite://relative/path",
        "sqlite:relative",
        "sqlite://",
        "sqlite:///",
        "sqlite:///directory/",
        "sqlite:///a%00b",
        "sqlite:///a?mode=ro",
        f"redis://u:{SECRET}@h/0?namespace=",
        f"redis://u:{SECRET}@h/0?namespace=a:b",
        f"redis://u:{SECRET}@h/0?namespace={'a' * 65}",
        f"redis://u:{SECRET}@h/0?keep_days=0",
        f"redis://u:{SECRET}@h/0?keep_days=1d",
        f"redis://u:{SECRET}@h/0?max_size=1G",
        f"redis://u:{SECRET}@h/0?unheard_of=1",
        f"redis://u:{SECRET}@h:port/0",
        f"redis://u:{SECRET}@h/0?db=x",
        f"redis://u:{SECRET}@[h/0",
        f"postgresql://u:{SECRET}@h/d?max_size=1",
        f"postgresql://u:{SECRET}@h/d?max_size=999K",
        f"postgresql://u:{SECRET}@h/d?max_size=999999999999G",
        f"postgresql://u:{SECRET}@h/d?unheard_of=1",
        f"postgresql://u:{SECRET}#@h/d",
        f"postgresql://u:{SECRET}%zz@h/d",
    ],
)
def test_what_can_not_be_an_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        make_store(parse_index_url(url))
    text = str(caught.value)
    assert SECRET not in text
    assert "\n" not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
