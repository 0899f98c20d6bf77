"""The schema of summary.json is generated: `python -m serinus.demo.summary > docs/schemas/summary.schema.json`."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "schemas" / "summary.schema.json"
COMMAND = "python -m serinus.demo.summary > docs/schemas/summary.schema.json"


def test_the_committed_schema_is_what_the_model_gives() -> None:
    made = subprocess.run(
        [sys.executable, "-m", "serinus.demo.summary"], check=True, capture_output=True, text=True, timeout=60
    )
    assert made.stdout == COMMITTED.read_text(encoding="utf-8"), f"regenerate it: {COMMAND}"


def test_every_field_has_a_description_or_a_type_that_has_one() -> None:
    schema: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    for model in (schema, *schema["$defs"].values()):
        for name, field in model.get("properties", {}).items():
            assert name == "schemaVersion" or "description" in field or "$ref" in field, name


def test_every_field_is_explained_in_the_documentation() -> None:
    schema: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "summary.md").read_text(encoding="utf-8")
    names = {name for model in (schema, *schema["$defs"].values()) for name in model.get("properties", {})}
    assert not [name for name in sorted(names) if name not in text]
