"""The server does what the OpenAPI document says, as schemathesis finds out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Serve
from harness.albums import HASH, make_album, noise
from harness.clients import run_client
from harness.server import REPOSITORY

from archive_service.archive.selection import encoded

DOCUMENT = REPOSITORY / "docs" / "openapi.yaml"
EXAMPLES = 25
# A parameter or field that can't be used is ignored more often than it is refused, as RFC 9110
# and docs/http.md have it.
NO_PROMISE = "negative_data_rejection"
# What a good request may be answered with: conditions, ranges and chosen files need not hold.
CONFIGURATION = """
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", 404, 409, 412, 416]
"""


def narrowed(document: dict[str, Any], hashes: list[str], files: list[str]) -> dict[str, Any]:
    """Let random requests be about albums and files that exist."""
    parameters = document["components"]["parameters"]
    parameters["Hash"]["schema"] = {"type": "string", "enum": hashes}
    parameters["File"]["schema"]["items"] = {"type": "string", "enum": files}
    parameters["Range"]["schema"] = {"type": "string", "pattern": "^bytes=[0-9]{1,4}-[0-9]{0,5}$"}
    return document


def without(document: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Ask for a manifest without some parameters: the document can't say which exclude others."""
    manifest = document["paths"]["/archive/{hash}/manifest.json"]
    references = {f"#/components/parameters/{name}" for name in names}
    manifest["parameters"] = [
        each for each in manifest["parameters"] if each["$ref"] not in references
    ]
    return document


@pytest.mark.parametrize("about", ["anything", "what exists"])
def test_the_server_does_what_the_document_says(
    photos_dir: Path, serve: Serve, tmp_path: Path, about: str
) -> None:
    make_album(photos_dir, {"1.jpg": noise(3000), "a:b/2.jpg": noise(200), "empty/": b""})
    document = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    # Only the server knows what is good there.
    selection = encoded([0], [b"1.jpg", b"a_b/2.jpg", b"empty/"])
    document["components"]["parameters"]["Select"]["schema"]["enum"] = [selection]
    document["components"]["parameters"]["Part"]["schema"]["enum"] = ["1/1", "1/2", "2/2", "3/3"]
    document = without(document, {"Part", "Parts" if about == "anything" else "PartSize"})
    if about == "what exists":
        document = narrowed(document, [HASH], ["1.jpg", "a:b/", "a_b/2.jpg", "empty/", "none"])
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    (tmp_path / "schemathesis.toml").write_text(CONFIGURATION)
    server = serve("--level", "debug")
    command = ["schemathesis", "run", "openapi.json", "--url", f"http://127.0.0.1:{server.port}"]
    command += ["--checks", "all", "--exclude-checks", NO_PROMISE, "--max-redirects", "0"]
    command += ["--max-examples", str(EXAMPLES), "--seed", "1", "--warnings", "off"]
    command += ["--suppress-health-check", "all", "--continue-on-failure"]
    client = run_client(command, tmp_path)
    assert client.returncode == 0, client.stdout
    assert not [line for line in server.lines if "level=error" in line]
