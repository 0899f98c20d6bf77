"""The CRD is generated: `python -m serinus.crd`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from serinus.core.policies.closing import HISTORY_LENGTH
from serinus.core.status import status_of
from serinus.crd.__main__ import FILES, write_all
from tests.cases.filled import full_state

ROOT = Path(__file__).parents[2]
DEFINITION: dict[str, Any] = yaml.safe_load((ROOT / FILES[0]).read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def inside(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema below this one, with its path."""
    yield path, schema
    for name, item in schema.get("properties", {}).items():
        yield from inside(item, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if inner in schema:
            yield from inside(schema[inner], f"{path}[]")


SPEC = dict(inside(SCHEMA["properties"]["spec"], "spec"))
STATUS = dict(inside(SCHEMA["properties"]["status"], "status"))


@pytest.mark.parametrize("name", FILES)
def test_the_committed_definition_is_what_the_models_give(name: str, tmp_path: Path) -> None:
    write_all(tmp_path)
    fresh, committed = (folder.joinpath(name).read_text(encoding="utf-8") for folder in (tmp_path, ROOT))
    if fresh != committed:
        pytest.fail(f"{name} is out of date; run python -m serinus.crd")


@pytest.mark.parametrize("path", [path for path in (*SPEC, *STATUS) if not path.endswith("[]")])
def test_every_field_explains_itself_in_sentences(path: str) -> None:
    description = (SPEC | STATUS)[path]["description"]
    assert re.fullmatch(r"[A-Z\d].*\.", description)
    assert "`hold_seconds`" not in description


def test_everything_of_the_spec_is_bounded() -> None:
    unbounded = [
        path
        for path, schema in SPEC.items()
        if (schema.get("type") == "array" and "maxItems" not in schema)
        or (schema.get("type") == "string" and not {"maxLength", "enum"} & schema.keys())
        or ("additionalProperties" in schema and "maxProperties" not in schema)
        or ("x-kubernetes-int-or-string" in schema and "maxLength" not in schema)
    ]
    assert unbounded == []


def test_no_item_of_a_list_has_a_default() -> None:
    assert [path for path, schema in SPEC.items() if "[]" in path and "default" in schema] == []


def test_what_is_left_out_of_the_spec_is_defaulted_as_the_models_do() -> None:
    defaults = {path: schema["default"] for path, schema in SPEC.items() if "default" in schema}
    assert defaults["spec.serving"] == defaults["spec.rollout"] == {}
    assert defaults["spec.serving.keepWarm"] == "10m"
    assert defaults["spec.rollout.steps"][1] == {"weight": 50, "hold": "5m", "minRequests": 100}
    assert defaults["spec.rollout.signals"][0]["maxIncrease"] == 0.01


def test_a_status_is_checked_for_types_only() -> None:
    rules = ("x-kubernetes-validations", "minimum", "maximum", "maxLength", "default")
    assert [path for path, schema in STATUS.items() if any(rule in schema for rule in rules)] == []
    assert [path for path, schema in STATUS.items() if "required" in schema] == ["status.conditions[]"]
    assert STATUS["status.history"]["maxItems"] == HISTORY_LENGTH


def test_kubectl_prints_the_columns_that_matter() -> None:
    columns = DEFINITION["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if not column.get("priority")]
    assert shown == ["Phase", "Stable", "Candidate", "Weight", "Reason", "Age"]
    for column in columns:
        path = column["jsonPath"].removeprefix(".")
        assert path == "metadata.creationTimestamp" or path in STATUS


def test_whatever_a_status_can_hold_is_in_its_schema() -> None:
    assert [path for path in paths(status_of(full_state()), "status") if path not in STATUS] == []


def paths(value: Any, path: str) -> Iterator[str]:
    """The path of every part of a value, as far as its schema says anything about it."""
    yield path
    free = STATUS.get(path, {})
    if isinstance(value, list):
        yield from (inner for item in value for inner in paths(item, f"{path}[]"))
    elif isinstance(value, dict) and "x-kubernetes-preserve-unknown-fields" not in free:
        for name, item in value.items():
            yield from paths(item, f"{path}[]" if "additionalProperties" in free else f"{path}.{name}")
