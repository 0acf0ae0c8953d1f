"""The commands over a store, as an operator runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from harness.albums import noise
from harness.commands import run_command
from harness.faulty import Fault, FaultyStore
from harness.indexed import learn_otherwise
from harness.s3 import BUCKET, PREFIX, Bucket
from harness.server import REPOSITORY, environment

from archive_service.config.album_storage import advice
from archive_service.config.settings import load_settings
from archive_service.storage.s3.store_errors import _BY_CODE, _BY_KIND

TIMEOUT_S = 60.0
FILES = {"1.jpg": b"one", "sub/2.jpg": noise(3_000_000), "empty": b"", "no files/": b""}


@pytest.fixture
def variables(bucket: Bucket, proxy: FaultyStore, album: str) -> dict[str, str]:
    """A PHOTOS_DIR of the test alone."""
    url = f"{bucket.url}/{album}"
    return {**bucket.variables(proxy.endpoint), "PHOTOS_DIR": url, "S3_TIMEOUT": "2"}


def run(
    directory: Path, variables: Mapping[str, str], *arguments: str, status: int = 0
) -> subprocess.CompletedProcess[str]:
    where = ("--cache-dir", str(directory))
    done = run_command([*arguments, *where], directory, variables=variables)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def albums_found(checked: subprocess.CompletedProcess[str]) -> str:
    return next(line for line in checked.stdout.splitlines() if " albums " in line)


def test_an_uploaded_album_is_indexed_ahead(
    bucket: Bucket, proxy: FaultyStore, tmp_path: Path, variables: dict[str, str], album: str
) -> None:
    bucket.put_album(f"{album}/one", FILES)
    bucket.put(f"{album}/two/3.jpg", noise(1_000_000), ChecksumAlgorithm="CRC32")
    done = run(tmp_path, variables, "index", "fill")
    assert done.stdout == "3 files of 2 albums read, 3,000,003 bytes\n"
    assert not proxy.asked_for("3.jpg")  # the store knew its checksum
    done = run(tmp_path, variables, "index", "verify")
    assert done.stdout == "4 files of 2 albums read, 4,000,003 bytes\n"
    learn_otherwise(tmp_path, "two", b"3.jpg")
    done = run(tmp_path, variables, "index", "verify", "two", status=1)
    assert "two" not in done.stderr
    assert "3.jpg: is not what it was" in done.stderr


def test_albums_that_are_gone_are_pruned(
    bucket: Bucket, tmp_path: Path, variables: dict[str, str], album: str
) -> None:
    bucket.put(f"{album}/one/1.jpg", b"x")
    said = run(tmp_path, variables, "index", "prune").stdout
    assert said == "pruned; albums kept: 1\n"


def test_check_looks_at_the_albums_of_a_store(
    bucket: Bucket, tmp_path: Path, variables: dict[str, str], album: str
) -> None:
    bucket.put_album(f"{album}/one", FILES)
    done = run(tmp_path, variables, "check", "--port", "0")
    assert albums_found(done).split(maxsplit=2) == ["good", "albums", f"1 in {bucket.url}/{album}"]
    assert "INDEX_AHEAD=scan" in done.stdout


def test_check_says_what_is_wrong_with_a_store(
    proxy: FaultyStore, tmp_path: Path, variables: dict[str, str]
) -> None:
    proxy.befall(Fault(lambda _: True, 100, 403, "SignatureDoesNotMatch"))
    done = run(tmp_path, variables, "check", "--port", "0", status=1)
    assert albums_found(done).startswith("wrong")
    assert "can't be read (wrong credentials): the store does not know AWS_ACCESS" in done.stdout


@pytest.mark.parametrize(
    "reason", sorted({*_BY_CODE.values(), *(reason for _, reason in _BY_KIND)})
)
def test_there_is_advice_for_every_reason(bucket: Bucket, reason: str) -> None:
    settings = load_settings({"photos_dir": bucket.url})
    assert advice(settings, reason) != advice(settings, "store error")


def test_check_says_where_objects_can_not_be_read(
    bucket: Bucket, proxy: FaultyStore, tmp_path: Path, variables: dict[str, str], album: str
) -> None:
    bucket.put_album(f"{album}/one", {"1.jpg": b"x"})
    proxy.befall(Fault(lambda asked: not asked.is_listing, 100, 403, "AccessDenied"))
    done = run(tmp_path, variables, "check", "--port", "0", status=1)
    assert "permit s3:GetObject to these credentials" in done.stdout


@pytest.mark.parametrize(
    ("listing", "cure"),
    [
        ("<Contents><Key>{key}</Key><ETag></ETag>{rest}</Contents>", "--keep-etag"),
        ("<IsTruncated>true</IsTruncated>", "is listed in part"),
    ],
)
def test_check_says_what_a_store_does_not_list(
    bucket: Bucket,
    proxy: FaultyStore,
    tmp_path: Path,
    variables: dict[str, str],
    album: str,
    listing: str,
    cure: str,
) -> None:
    bucket.put(f"{album}/one/1.jpg", b"x")
    rest = "<Size>1</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    rows = listing.format(key=f"{PREFIX}/{album}/one/1.jpg", rest=rest)
    content = f"<ListBucketResult>{rows}</ListBucketResult>".encode()
    proxy.befall(
        Fault(
            lambda asked: asked.is_listing and f"{album}%2Fone" in asked.path, 100, content=content
        )
    )
    done = run(tmp_path, variables, "check", "--port", "0", status=1)
    assert cure in done.stdout
    assert "s3:GetObject" not in done.stdout


def test_variables_of_aws_are_read_from_the_file_env_too(
    bucket: Bucket, tmp_path: Path, variables: dict[str, str], album: str
) -> None:
    bucket.put(f"{album}/one/1.jpg", b"x")
    lines = [f"{name}={value}" for name, value in variables.items()]
    (tmp_path / ".env").write_text("\n".join(lines))
    done = run(tmp_path, {}, "check", "--port", "0")
    assert albums_found(done).split()[:3] == ["good", "albums", "1"]


def test_a_profile_has_what_a_store_needs(
    bucket: Bucket, tmp_path: Path, variables: dict[str, str], album: str
) -> None:
    bucket.put(f"{album}/one/1.jpg", b"x")
    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
    (tmp_path / "config").write_text(
        "[profile site]\nregion = eu-central-1\n"
        + "".join(f"{name.removeprefix('AWS_').lower()} = {variables[name]}\n" for name in keys)
        .replace("access_key_id", "aws_access_key_id")
        .replace("secret_access_key", "aws_secret_access_key")
    )
    profile = {"AWS_PROFILE": "site", "AWS_CONFIG_FILE": str(tmp_path / "config")}
    bare = {name: value for name, value in variables.items() if name not in (*keys, "AWS_REGION")}
    done = run(tmp_path, {**bare, **profile}, "check", "--port", "0")
    assert albums_found(done).split()[:3] == ["good", "albums", "1"]


# What is not installed


def test_without_the_extra_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    done = _in_python(
        "import sys; sys.modules['aiobotocore'] = None\n"
        "from archive_service.cli.subcommands import main\n"
        f"sys.exit(main(['serve', '--photos-dir', 's3://{BUCKET}/photos']))",
        tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "pip install 'archive-service[s3]'" in done.stderr


def test_what_reads_stores_is_not_imported_for_a_directory(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    done = _in_python(
        "import sys\n"
        "from archive_service.cli.subcommands import main\n"
        f"main(['index', 'fill', '--photos-dir', {str(tmp_path)!r}])\n"
        "sys.exit('botocore' in sys.modules or 'aiobotocore' in sys.modules)",
        tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")


def _in_python(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env=environment({"PYTHONPATH": str(REPOSITORY), "CACHE_DIR": str(directory / "cache")}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
