"""The committed compiled pipelines are what their source compiles to."""

from pathlib import Path

import pytest

from pipelines.compile import COMPILED, compile_all


def test_the_committed_pipelines_are_up_to_date(tmp_path: Path) -> None:
    fresh = compile_all(tmp_path)
    assert {path.name for path in fresh} == {path.name for path in COMPILED.glob("*.yaml")}
    for path in fresh:
        if path.read_text() != (COMPILED / path.name).read_text():
            pytest.fail(f"{COMPILED / path.name} is out of date; run python -m pipelines.compile")
