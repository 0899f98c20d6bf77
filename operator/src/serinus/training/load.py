"""Read `training.yaml`; every problem is named by its field path and line."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from serinus.core.errors import SpecInvalid
from serinus.lint.plain import TAG, Unreadable, refuse_surprises
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource, Source

SOURCE_TYPES = ("csv", "parquet", "sql", "predictionLog", "python")
# Behind these fields pydantic puts which of several kinds it took a value for into the path.
KINDS = {"source": SOURCE_TYPES, "classWeight": ("balanced", "weights"), "window": ("duration", "all")}
KINDS_OF_PARAMETERS = ("list", "range")


class TrainingLoader(yaml.SafeLoader):
    """Reads a time as text, for the schema to understand, and 1e-3 as the number that it looks like."""


TrainingLoader.yaml_implicit_resolvers = {
    character: [(tag, pattern) for tag, pattern in resolvers if tag != TAG + "timestamp"]
    for character, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
TrainingLoader.add_implicit_resolver(
    TAG + "float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def load_config(path: Path, *, as_of: datetime | None = None) -> TrainingConfig:
    """The training file at `path`, with relative source paths resolved beside it. Raises SpecInvalid."""
    config = config_of(_read(path), path)
    if as_of is not None:
        config = TrainingConfig.model_validate({**config.model_dump(), "as_of": as_of})
    return _with_absolute_source(config, path.resolve().parent)


def config_of(text: str, path: Path) -> TrainingConfig:
    """The training file that holds `text`; `path` is what it is called in messages. Raises SpecInvalid."""
    node, document = _parsed(path, text)
    _refuse_empty_gates(path, node, document)
    try:
        return TrainingConfig.model_validate(document)
    except ValidationError as error:
        problems = "\n".join(f"  {_problem(path, node, one)}" for one in _told(error))
        raise SpecInvalid(f"{path} is not a valid training file; correct these fields:\n{problems}") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecInvalid(f"training file {path} cannot be read ({error}); name a readable YAML file") from error


def _parsed(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """The document and the nodes that know its lines."""
    try:
        node = yaml.compose(text, Loader=TrainingLoader)
        if node is not None:
            refuse_surprises(node)
        return node, yaml.load(text, Loader=TrainingLoader)  # noqa: S506  # it is a SafeLoader
    except Unreadable as error:
        raise SpecInvalid(f"{path.name}:{error.problem.line}: {error.problem.path or 'file'}: {error}") from error
    except yaml.YAMLError as error:
        raise SpecInvalid(f"{path} is not YAML: {' '.join(str(error).split())}; correct it") from error


def _refuse_empty_gates(path: Path, node: yaml.Node | None, document: Any) -> None:
    """A gate without a value looks asked for, and would not be asked."""
    gates = document.get("gates") if isinstance(document, dict) else None
    for name in (name for name, value in gates.items() if value is None) if isinstance(gates, dict) else ():
        line = _line(node, ["gates", name])
        raise SpecInvalid(
            f"{path.name}:{line}: gates.{name}: is empty; write {name}: {{}} to ask it as it is by default, or remove it"
        )


def _with_absolute_source(config: TrainingConfig, folder: Path) -> TrainingConfig:
    gates = config.gates
    if gates.golden:
        golden = gates.golden.model_copy(update={"source": _absolute(gates.golden.source, folder)})
        gates = gates.model_copy(update={"golden": golden})
    return config.model_copy(update={"source": _absolute(config.source, folder), "gates": gates})


def _absolute(source: Source, folder: Path) -> Source:
    """`source` with a relative path resolved in `folder`; an address with a scheme stays as it is."""
    if not isinstance(source, FileSource | PredictionLogSource) or "://" in source.path:
        return source
    return source.model_copy(update={"path": str(folder / source.path)})


def _told(error: ValidationError) -> list[Any]:
    """The errors without "too short" of a list whose items are the problem: pydantic counts only the valid ones."""
    found = error.errors()
    within = [one["loc"][:-1] for one in found] + [one["loc"][:1] for one in found if len(one["loc"]) > 1]
    return [one for one in found if one["type"] != "too_short" or one["loc"] not in within]


def _problem(path: Path, node: yaml.Node | None, error: Any) -> str:
    location = _location(error)
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not a field of a training file; remove it or correct its name"
    elif error["type"].startswith("union_tag"):
        message = f"write one of {', '.join(SOURCE_TYPES)}"
    return f"{path.name}:{_line(node, location)}: {field or 'file'}: {message}"


def _location(error: Any) -> list[Any]:
    """Where the error is, in the file's own terms."""
    location: list[Any] = []
    for part in error["loc"]:
        kinds = KINDS.get(location[-1], ()) if location else ()
        if location[-2:-1] == ["parameters"]:
            kinds = KINDS_OF_PARAMETERS
        if part not in (*kinds, "[key]"):
            location.append(part)
    return [*location, "type"] if error["type"].startswith("union_tag") else location


def _line(node: yaml.Node | None, location: list[Any]) -> int:
    """The 1-based line of the deepest node on the way to `location`."""
    line = 1
    for part in location:
        below: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            below = next((value for key, value in node.value if key.value == part), None)
            line = next((key.start_mark.line + 1 for key, _ in node.value if key.value == part), line)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            below = node.value[part]
            line = below.start_mark.line + 1
        if below is None:
            return line
        node = below
    return line
