"""The OpenAPI document says what docs/http.md and the code say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.in_process import service_over

from archive_service.archive import id as archive_id
from archive_service.http.content_disposition import MAX_NAME_CHARACTERS
from archive_service.observe.events import ignore
from archive_service.web.app import create_app
from archive_service.web.options import WebOptions
from archive_service.web.pages.failure_messages import FAILURES
from archive_service.web.response_headers import _ALWAYS

DOCS = Path(__file__).resolve().parents[2] / "docs"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former is ten times as fast
DOCUMENT: dict[str, Any] = yaml.load(
    (DOCS / "openapi.yaml").read_text(encoding="utf-8"), Loader=_LOADER
)
HTTP = (DOCS / "http.md").read_text(encoding="utf-8")
COMPONENTS = DOCUMENT["components"]
METHODS = ("get", "head")
POST = "post"


def rows_below(heading: str) -> list[str]:
    section = HTTP.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| (.+?) \|", section, re.MULTILINE)[1:]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method in {*METHODS, POST} & item.keys():
            yield path, method, item[method]


def resolved(reference: dict[str, str]) -> dict[str, Any]:
    kind, name = reference["$ref"].removeprefix("#/components/").split("/")
    found: dict[str, Any] = COMPONENTS[kind][name]
    return found


def test_its_statuses_are_those_of_the_documentation() -> None:
    told = {row for row in rows_below("Statuses") if row.isdigit()}
    assert {status for _, _, operation in operations() for status in operation["responses"]} == told


def test_its_paths_are_those_of_the_documentation() -> None:
    told = set(re.findall(r"(/archive/\S*?)`", "\n".join(rows_below("Resources"))))
    assert {path for path in DOCUMENT["paths"] if path != "/"} == told


def test_its_operations_are_those_of_the_application(tmp_path: Path) -> None:
    with service_over(tmp_path) as service:
        app = create_app(service, ignore, WebOptions("a.zip", 60.0))
    routes = {
        (str(route.resource.canonical), route.method.lower())
        for route in app.router.routes()
        if route.resource is not None
    }
    assert {(path, method) for path, method, _ in operations()} == routes


def test_every_answer_has_what_all_answers_have() -> None:
    for name, response in COMPONENTS["responses"].items():
        assert {*_ALWAYS, "Accept-Ranges"} <= response["headers"].keys(), name
        for field, reference in response["headers"].items():
            header = resolved(reference)
            if field in _ALWAYS:
                assert header["schema"]["const"] == _ALWAYS[field]
                assert header["required"]


def test_every_failure_is_named() -> None:
    named = COMPONENTS["schemas"]["Failure"]["properties"]["error"]["enum"]
    assert named == sorted(FAILURES["en"])


def test_its_patterns_are_those_of_the_code() -> None:
    pattern = COMPONENTS["parameters"]["Hash"]["schema"]["pattern"]
    assert pattern == f"^{archive_id._ARCHIVE_ID}$"
    assert COMPONENTS["parameters"]["Name"]["schema"]["maxLength"] == MAX_NAME_CHARACTERS


def test_no_component_is_left_over() -> None:
    text = (DOCS / "openapi.yaml").read_text(encoding="utf-8")
    for kind, components in COMPONENTS.items():
        for name in components:
            assert f"#/components/{kind}/{name}" in text


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_head_answers_with_the_statuses_of_get_but_for_ranges(path: str) -> None:
    get, head = (set(DOCUMENT["paths"][path][method]["responses"]) for method in METHODS)
    assert head == get - {"206", "416"}
