"""The same model, the same bytes: a skops archive without what differs from process to process.

skops names nodes and files by memory addresses, and the archive keeps the time of day. Here they are numbered in the
order in which the model refers to them.
"""

import io
import json
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile, ZipInfo

SCHEMA = "schema.json"


def canonical(archive: bytes) -> bytes:
    """`archive` as skops loads it all the same, with every name and time settled."""
    with ZipFile(io.BytesIO(archive)) as source:
        schema = json.loads(source.read(SCHEMA))
        _settle(schema)
        names = _number(schema)
        return _packed([(new, source.read(old)) for old, new in names.items()], schema)


def _settle(node: Any) -> None:
    """Drop the identity of plain values, which depends on what Python happens to intern, and the order of sets."""
    for child in _children(node):
        _settle(child)
    if _loader(node) == "JsonNode":
        node.pop("__id__", None)
    elif _loader(node) == "SetNode":
        node["content"].sort(key=json.dumps)


def _number(schema: Any) -> dict[str, str]:
    """Number nodes and files by first mention; returns the new name of each file."""
    identities: dict[int, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        if isinstance(node.get("__id__"), int):
            node["__id__"] = identities.setdefault(node["__id__"], len(identities) + 1)
        old = node.get("file")
        if isinstance(old, str):
            suffix = old.rpartition(".")[2]
            node["file"] = names.setdefault(old, f"{len(names) + 1}.{suffix}")
    return names


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    if _loader(value):
        yield value
    for child in _children(value):
        yield from _nodes(child)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _loader(value: Any) -> str:
    """What skops loads a node with; empty for what is no node, such as a mapping of names to nodes."""
    loader = value.get("__loader__", "") if isinstance(value, dict) else ""
    return loader if isinstance(loader, str) else ""


def _packed(files: list[tuple[str, bytes]], schema: Any) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as target:
        for name, content in files:
            target.writestr(ZipInfo(name), content)  # without a time it is 1980-01-01
        target.writestr(ZipInfo(SCHEMA), json.dumps(schema))
    return buffer.getvalue()
