"""Reading one YAML document so that every value still knows its line.

Only what JSON can say is accepted: what YAML would take silently and Kubernetes would not (a key given twice, a number
such as 010 that means 8, a date, a reference that unfolds without end) is refused here.
"""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from serinus.core.errors import SpecInvalid
from serinus.core.spec.fields import shown
from serinus.lint.problem import Location, Problem, dotted

MAX_CHARACTERS = 256 * 1024
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
HINTS = {
    "'\\t'": "a tab indents this line; YAML allows only spaces there",
    "mapping values are not allowed": "there is a second colon or a wrong indentation; put the text in quotes, "
    "or indent the line like its neighbours",
    "undefined alias": "it refers to an anchor that is not defined above; define it or write the value out",
}


class _Loader(yaml.SafeLoader):
    """Reads 2026-01-01 as the text it is in JSON, not as a date."""


_Loader.yaml_implicit_resolvers = {
    character: [(tag, pattern) for tag, pattern in resolvers if tag != TAG + "timestamp"]
    for character, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Document:
    """The value of a YAML document and the tree of nodes that know where each part of it stands."""

    value: Any
    root: yaml.Node

    def position(self, loc: Location, of_key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `loc`, or of its name; of the nearest parent where it is absent."""
        mark, node = self.root.start_mark, self.root
        for index, part in enumerate(loc):
            found = _child(node, part)
            if found is None:
                break
            key, node = found
            last = index == len(loc) - 1
            mark = node.start_mark if isinstance(part, int) or (last and not of_key) else key.start_mark
        return mark.line + 1, mark.column + 1


class Unreadable(SpecInvalid):
    """The text is not one plain YAML document; `problem` says where and why."""

    def __init__(self, message: str, line: int = 1, column: int = 1, path: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(message, path, line, column)


def read_document(text: str) -> Document:
    """The only YAML document of `text`. Raises Unreadable."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(
            f"the file has {len(text)} characters, more than the {MAX_CHARACTERS} allowed; is it a ModelDeployment?"
        )
    try:
        root = _only_document(text)
        _refuse_surprises(root, (), set())
        _measure(root, 0, {})
        loader = _Loader("")
        return Document(loader.construct_document(root), root)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable("there is a character that YAML does not allow; save the file as plain text", line) from None
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_syntax_sentence(error), *_syntax_place(error)) from None
    except RecursionError:
        raise Unreadable(f"lists and maps are nested more than {MAX_DEPTH} levels deep; flatten them") from None


def _only_document(text: str) -> yaml.Node:
    documents = [node for node in yaml.compose_all(text, _Loader) if node is not None and not _is_empty(node)]
    if not documents:
        raise Unreadable("the file is empty; write a ModelDeployment")
    if len(documents) > 1:
        mark = documents[1].start_mark
        raise Unreadable(
            "a second document begins here; put each ModelDeployment into its own file", mark.line + 1, mark.column + 1
        )
    return documents[0]


def _is_empty(node: yaml.Node) -> bool:
    return node.tag == TAG + "null" and node.value == ""


def _syntax_sentence(error: yaml.MarkedYAMLError) -> str:
    problem = " ".join(part for part in (error.problem, error.context and f"({error.context})") if part)
    hint = next((hint for sign, hint in HINTS.items() if sign in problem), "correct the line, or the one above it")
    return f"this is not YAML: {problem}; {hint}"


def _syntax_place(error: yaml.MarkedYAMLError) -> tuple[int, int]:
    """Where the mistake is: what is still open at the end of the file was opened somewhere above."""
    unclosed = "<stream end>" in (error.problem or "")
    mark = (error.context_mark if unclosed else None) or error.problem_mark or error.context_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _refused(node: yaml.Node, message: str, loc: Location) -> Unreadable:
    return Unreadable(message, node.start_mark.line + 1, node.start_mark.column + 1, dotted(loc))


def _refuse_surprises(node: yaml.Node, loc: Location, seen: set[int]) -> None:
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
            _refuse_surprises(item, (*loc, index), seen)
    elif isinstance(node, yaml.MappingNode):
        _refuse_odd_keys(node, loc)
        for key, item in node.value:
            _refuse_surprises(item, (*loc, key.value), seen)


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


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        # From the end: construction puts what was merged in before a map's own entries, and the last one counts.
        return next(((key, value) for key, value in reversed(node.value) if key.value == part), None)
    return None
