"""Read `training.yaml`; every problem is named by its field path and line."""

from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from serinus.core.errors import SpecInvalid
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource, Source

SOURCE_TYPES = ("csv", "parquet", "sql", "predictionLog", "python")  # pydantic puts the chosen one into the path


def load_config(path: Path, *, as_of: datetime | None = None) -> TrainingConfig:
    """The training file at `path`, with relative source paths resolved beside it. Raises SpecInvalid."""
    text = _read(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecInvalid(f"{path} is not YAML: {' '.join(str(error).split())}; correct it") from error
    try:
        config = TrainingConfig.model_validate(document)
    except ValidationError as error:
        problems = "\n".join(f"  {_problem(path, node, one)}" for one in _told(error))
        raise SpecInvalid(f"{path} is not a valid training file; correct these fields:\n{problems}") from error
    if as_of is not None:
        config = TrainingConfig.model_validate({**config.model_dump(), "as_of": as_of})
    return _with_absolute_source(config, path.resolve().parent)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecInvalid(f"training file {path} cannot be read ({error}); name a readable YAML file") from error


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
    location = [part for part in error["loc"] if part not in SOURCE_TYPES]
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = "is not a field of a training file; remove it or correct its name"
    return f"{path.name}:{_line(node, location)}: {field or 'file'}: {message}"


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
