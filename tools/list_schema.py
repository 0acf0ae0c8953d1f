"""Write docs/list.schema.json, the JSON Schema of lists, from the classes that check them.

Run it from a checkout: `poetry run python tools/list_schema.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

from archive_service.storage.file_lists.list_model import ListModel

FILE = Path(__file__).resolve().parent.parent / "docs" / "list.schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> str:
    """Return the text of the schema."""
    made = {"$schema": _DIALECT, **ListModel.model_json_schema(by_alias=True)}
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")
