"""Refusing what YAML takes silently and JSON, which Kubernetes speaks, cannot say.

A key given twice, a number such as 010 that means 8, a name that is no text, a tag, a reference that unfolds
without end.
"""

import re

import yaml

from serinus.core.errors import SpecInvalid
from serinus.core.spec.fields import shown
from serinus.lint.problem import Location, Problem, dotted

MAX_NODES = 50_000
MAX_DEPTH = 50
TAG = "tag:yaml.org,2002:"
MERGE = TAG + "merge"
PLAIN_SCALARS = {
    TAG + "int": re.compile(r"[-+]?(0|[1-9][0-9]{0,17})"),
    TAG + "float": re.compile(
        r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
    ),
    TAG + "bool": re.compile(r"yes|no|true|false|on|off", re.IGNORECASE),
    TAG + "null": re.compile(r"~|null|Null|NULL|"),
}
KNOWN_TAGS = {*PLAIN_SCALARS, TAG + "str", TAG + "map", TAG + "seq", MERGE}


class Unreadable(SpecInvalid):
    """The text is not one plain YAML document; `problem` says where and why."""

    def __init__(self, message: str, line: int = 1, column: int = 1, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(message, path, line, column)


def refuse_surprises(root: yaml.Node) -> None:
    """Raise Unreadable unless the document is plain data of a bounded size."""
    _measure(root, 0, {})
    _refuse_in(root, (), set())


def _refused(node: yaml.Node, message: str, loc: Location) -> Unreadable:
    return Unreadable(message, node.start_mark.line + 1, node.start_mark.column + 1, dotted(loc))


def _refuse_in(node: yaml.Node, loc: Location, seen: set[int]) -> None:
    """Raise Unreadable for what YAML would accept here or below, and JSON would not."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.tag not in KNOWN_TAGS:
        raise _refused(node, f"the YAML tag {shown(node.tag)} is not accepted; write a plain value", loc)
    if isinstance(node, yaml.ScalarNode):
        _refuse_odd_scalar(node, loc)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _refuse_in(item, (*loc, index), seen)
    elif isinstance(node, yaml.MappingNode):
        _refuse_odd_keys(node, loc)
        for key, item in node.value:
            _refuse_in(item, (*loc, key.value), seen)


def _refuse_odd_scalar(node: yaml.ScalarNode, loc: Location) -> None:
    plain = PLAIN_SCALARS.get(node.tag)
    if plain is not None and not plain.fullmatch(node.value):
        message = f"YAML does not read {shown(node.value)} as what it looks like; put it in quotes if it is a text"
        raise _refused(node, f"{message}, or write it as a plain decimal number", loc)


def _refuse_odd_keys(node: yaml.MappingNode, loc: Location) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.tag == MERGE:
            continue
        if not isinstance(key, yaml.ScalarNode):
            raise _refused(key, "a list or a map stands where a field's name belongs; write a name", loc)
        if key.tag != TAG + "str":
            raise _refused(key, f"YAML does not read the name {shown(key.value)} as a text; put it in quotes", loc)
        if key.value in lines:
            message = f"{shown(key.value)} is given twice, first in line {lines[key.value]}; keep one of them"
            raise _refused(key, message, (*loc, key.value))
        lines[key.value] = key.start_mark.line + 1


def _measure(node: yaml.Node, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Number of nodes and levels once every reference is written out; refuses too many of either.

    A reference to itself has no end, so it runs into the limit of levels.
    """
    nodes, levels = known.get(id(node)) or _measure_children(node, depth, known)
    if depth + levels > MAX_DEPTH or nodes > MAX_NODES:
        raise _refused(node, f"it unfolds to more than {MAX_NODES} values or {MAX_DEPTH} levels; simplify it", ())
    known[id(node)] = nodes, levels
    return nodes, levels


def _measure_children(node: yaml.Node, depth: int, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    if depth > MAX_DEPTH:
        return 1, 1
    sizes = [_measure(child, depth + 1, known) for child in _children(node)]
    return 1 + sum(size for size, _ in sizes), 1 + max((levels for _, levels in sizes), default=0)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
