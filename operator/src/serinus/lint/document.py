"""Reading one YAML document so that every value still knows its line.

A date is read as the text it is in JSON; what else JSON cannot say is refused (see plain).
"""

from dataclasses import dataclass
from typing import Any

import yaml

from serinus.lint.plain import MAX_DEPTH, TAG, Unreadable, refuse_surprises
from serinus.lint.problem import Location

MAX_CHARACTERS = 256 * 1024
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


def read_document(text: str) -> Document:
    """The only YAML document of `text`. Raises Unreadable."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"the file has more than {MAX_CHARACTERS} characters; is it a ModelDeployment?")
    try:
        root = _only_document(text)
        refuse_surprises(root)
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


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        # From the end: construction puts what was merged in before a map's own entries, and the last one counts.
        return next(((key, value) for key, value in reversed(node.value) if key.value == part), None)
    return None
