"""The tables of objects that are refused and accepted, for lint and for the API server alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
GOOD_SPEC = {"model": {"name": "delay", "version": 7}}


@dataclass(frozen=True)
class Case:
    """One object. `path` is the field to blame, `at` the one that the API server blames; empty for a good object."""

    manifest: dict[str, Any]
    path: str = ""
    at: str = ""
    words: str = ""

    @property
    def text(self) -> str:
        """As a file."""
        return yaml.safe_dump(self.manifest, sort_keys=False)


def manifest(spec: dict[str, Any], name: str = "flight-delay") -> dict[str, Any]:
    """A ModelDeployment with these parts of a spec, over a good one."""
    head = {"apiVersion": "serinus.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name}}
    return {**head, "spec": {**GOOD_SPEC, **spec}}


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


def _case(row: dict[str, Any]) -> Case:
    path = row["path"]
    return Case(manifest(row["spec"], row.get("name", "flight-delay")), path, row.get("at", path), row["words"])


MALFORMED = {name: _case(row) for name, row in _read("malformed.yaml").items()}
WELLFORMED = {name: Case(manifest(spec)) for name, spec in _read("wellformed.yaml").items()}
