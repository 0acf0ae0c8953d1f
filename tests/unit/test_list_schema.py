"""The JSON Schema of lists: the one that is made of the classes, and it says what they check."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.server import REPOSITORY
from harness.tools import tool
from pydantic import ValidationError

from archive_service.storage.file_lists.list_model import ListBroken, ListModel, read_list

PATH = "3bea29ccabbbf64bdebcc055319c5745/1.jpg"
GOOD: list[Any] = [
    {"files": [{"path": PATH}]},
    {"files": [{"path": PATH, "as": "a/b.jpg"}, {"text": "x", "as": "x"}], "name": "Лето"},
    {"files": [{"path": "album/", "as": ""}], "missing": "skip", "$schema": "list.schema.json"},
    {"files": [{"text": "", "as": "x"}], "missing": "fail"},
    {"files": [{"path": PATH}], "name": ""},
    {"files": [{"path": PATH}], "name": "Order 12/34, " + "x" * 200},
]
BROKEN: list[Any] = [
    [],
    {},
    {"files": []},
    {"files": [PATH]},
    {"files": [{"path": PATH, "text": "x", "as": "x"}]},
    {"files": [{"path": PATH, "name": "x"}]},
    {"files": [{"path": 1}]},
    {"files": [{"path": ""}]},
    {"files": [{"path": "a/" + "x" * 4096}]},
    {"files": [{"text": "x"}]},
    {"files": [{"text": "x" * 16_385, "as": "x"}]},
    {"files": [{"text": "x", "as": "x" * 4097}]},
    {"files": {"path": PATH}},
    {"files": [{"path": PATH}], "missing": True},
    {"files": [{"path": PATH}], "missing": "maybe"},
    {"files": [{"path": PATH}], "name": 1},
    {"files": [{"path": PATH}], "name": "x" * 4097},
    {"files": [{"path": PATH}], "other": 1},
]


def test_the_file_is_the_one_that_the_classes_make() -> None:
    made = tool("list_schema")
    found = made.FILE.read_text(encoding="utf-8")
    assert found == made.schema(), "run: poetry run python tools/list_schema.py"


@pytest.mark.parametrize("document", [*GOOD, *BROKEN])
def test_the_schema_says_what_is_checked(document: object) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((REPOSITORY / "docs" / "list.schema.json").read_text(encoding="utf-8"))
    is_valid = jsonschema.Draft202012Validator(schema).is_valid(document)
    assert is_valid == (document in GOOD)


@pytest.mark.parametrize("document", GOOD)
def test_a_list_that_obeys_the_schema_is_read(document: object) -> None:
    assert read_list(json.dumps(document).encode()).files


@pytest.mark.parametrize("document", BROKEN)
def test_a_list_that_breaks_the_schema_is_broken(document: object) -> None:
    with pytest.raises(ListBroken, match=r".") as raised:
        read_list(json.dumps(document).encode())
    assert raised.value.reason == "broken"


@pytest.mark.parametrize("entry", ['"a/1.jpg"', '{"path": "a/1.jpg", "size": 1}'])
def test_of_a_thousand_wrong_entries_only_the_first_is_an_error(entry: str) -> None:
    with pytest.raises(ValidationError) as raised:
        ListModel.model_validate_json('{"files": [' + ",".join([entry] * 1000) + "]}")
    assert raised.value.error_count() == 1
    assert raised.value.errors()[0]["loc"][:2] == ("files", 0)
