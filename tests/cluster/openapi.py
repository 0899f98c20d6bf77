"""JSON schemas for kubeconform out of an API server's own OpenAPI documents."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
Kind = tuple[str, str]
"""apiVersion and kind."""
NAMES = "{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json"
"""How the files are called, in kubeconform's words."""


def write_schemas(get: Callable[[str], Schema], wanted: Iterable[Kind], folder: Path) -> None:
    """One file for each kind. `get` asks the server for a path; raises KeyError for a kind that it does not have."""
    paths = get("/openapi/v3")["paths"]
    for api_version, kind in wanted:
        base = f"apis/{api_version}" if "/" in api_version else f"api/{api_version}"
        schemas = get(paths[base]["serverRelativeURL"])["components"]["schemas"]
        document = {**_schema_of(schemas, api_version, kind), "components": {"schemas": schemas}}
        group, _, version = api_version.rpartition("/")
        # kubeconform takes the version for the group of the core kinds.
        (folder / f"{kind.lower()}_{group or version}_{version}.json").write_text(json.dumps(strict(document)))


def _schema_of(schemas: dict[str, Schema], api_version: str, kind: str) -> Schema:
    group, _, version = api_version.rpartition("/")
    name = {"group": group, "version": version, "kind": kind}
    for schema in schemas.values():
        if name in schema.get("x-kubernetes-group-version-kind", ()):
            return schema
    raise KeyError(f"{api_version} {kind}")


def strict(schema: Any) -> Any:
    """The same, refusing fields that it does not name, as the API server's strict validation does."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: strict(value) for name, value in schema.items()}
    is_open = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if isinstance(schema.get("properties"), dict) and not is_open:
        made["additionalProperties"] = False
    return made
