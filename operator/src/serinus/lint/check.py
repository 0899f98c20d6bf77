"""Reading and checking a ModelDeployment file, for the command line and the runtime alike."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from pydantic import ValidationError

from serinus.core.errors import NotSupportedYet, SpecInvalid
from serinus.core.spec import API_VERSION, KIND, ModelDeployment
from serinus.core.spec.fields import shown
from serinus.lint.advice import advice
from serinus.lint.document import MAX_CHARACTERS, Document, read_document
from serinus.lint.drift import drift_advice
from serinus.lint.messages import findings
from serinus.lint.plain import Unreadable
from serinus.lint.problem import Finding, Problem, dotted, errors_of, joined
from serinus.lint.rates import ASSUMED, Seen
from serinus.lint.retraining import impossible, retraining_advice
from serinus.lint.unsupported import only_in_a_cluster, unsupported, unsupported_on_one_machine

MAX_BYTES = 4 * MAX_CHARACTERS + 8  # a character takes at most four, and a byte order mark three


@dataclass(frozen=True)
class _Read:
    """What a text holds: a deployment, or the problems for which it is none."""

    deployment: ModelDeployment | None
    document: Document | None
    problems: tuple[Problem, ...] = ()


def lint_text(
    text: str, source: str, requests_per_minute: float | None = None, seen: Seen = ASSUMED
) -> tuple[Problem, ...]:
    """All that is wrong with the text of a ModelDeployment, in the order of its lines, and what may surprise.

    With `requests_per_minute` (all traffic, stable and candidate) a warning says how long the rollout will take,
    at the rates and spreads in `seen`. Raises ValueError when that is not a rate above 0.
    """
    read = _read(text, source)
    if read.deployment is None or read.document is None:
        return read.problems
    found = [
        *unsupported(read.deployment),
        *impossible(read.deployment),
        *only_in_a_cluster(read.deployment),
        *advice(read.deployment, requests_per_minute, seen),
        *drift_advice(read.deployment, requests_per_minute, seen.traffic),
        *retraining_advice(read.deployment),
    ]
    return _placed(found, read.document, source)


def lint_file(path: Path, requests_per_minute: float | None = None, seen: Seen = ASSUMED) -> tuple[Problem, ...]:
    """The same for a file; one that cannot be read is a problem too."""
    try:
        return lint_text(_text_of(path), str(path), requests_per_minute, seen)
    except Unreadable as error:
        return (replace(error.problem, source=str(path)),)


def read_deployment(path: Path) -> ModelDeployment:
    """The deployment in a file, wherever it will run. Raises SpecInvalid with all its problems, one a line."""
    return _valid(path)[0]


def load_deployment(path: Path) -> ModelDeployment:
    """The deployment in a file, for one machine.

    Raises SpecInvalid with all its problems, one a line, or NotSupportedYet when it is valid and asks for what this
    release does not do there.
    """
    deployment, document = _valid(path)
    missing = _placed(unsupported_on_one_machine(deployment), document, str(path))
    if missing:
        raise NotSupportedYet(joined(missing))
    return deployment


def _valid(path: Path) -> tuple[ModelDeployment, Document]:
    try:
        read = _read(_text_of(path), str(path))
    except Unreadable as error:
        raise SpecInvalid(str(replace(error.problem, source=str(path)))) from None
    if read.deployment is None or read.document is None:
        raise SpecInvalid(joined(errors_of(read.problems)))
    wrong = _placed(impossible(read.deployment), read.document, str(path))
    if wrong:
        raise SpecInvalid(joined(wrong))
    return read.deployment, read.document


def dump_deployment(deployment: ModelDeployment) -> str:
    """The deployment as YAML that reads back equal; what was left out or is empty is not written."""
    content = deployment.model_dump(mode="json", by_alias=True, exclude_none=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _text_of(path: Path) -> str:
    """The text of a file, read no further than is needed to see that it is too long. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES)
        return content.decode("utf-8-sig", errors="replace" if len(content) == MAX_BYTES else "strict")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Unreadable(f"the file cannot be read ({reason}); correct its path or its permissions", 0) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable("the file is not UTF-8 text; save it as UTF-8", line) from None


def _read(text: str, source: str) -> _Read:
    try:
        document = read_document(text)
    except Unreadable as error:
        return _Read(None, None, (replace(error.problem, source=source),))
    wrong = _wrong_object(document)
    if wrong:
        return _Read(None, document, _placed(wrong, document, source))
    try:
        deployment = ModelDeployment.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        return _Read(None, document, _placed(findings(error.errors(include_url=False)), document, source))
    return _Read(deployment, document)


def _wrong_object(document: Document) -> list[Finding]:
    """Why this is not a ModelDeployment at all; then nothing else about it is worth a word."""
    value = document.value
    if not isinstance(value, dict):
        return [Finding((), f"the file holds {_kind_of(value)}, not a ModelDeployment; begin with apiVersion and kind")]
    for name, expected in (("kind", KIND), ("apiVersion", API_VERSION)):
        if name not in value:
            return [Finding((name,), f"{name} is missing; add {name}: {expected}", of_key=True)]
        if value[name] != expected:
            return [
                Finding((name,), f"{name} {shown(value[name])} is not {expected}; correct it, or give another file")
            ]
    return []


def _kind_of(value: object) -> str:
    return "a list" if isinstance(value, list) else "a single value"


def _placed(found: Iterable[Finding], document: Document, source: str) -> tuple[Problem, ...]:
    """The findings as problems with lines, from the top of the file to its end."""
    problems = [_problem(finding, document, source) for finding in found]
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


def _problem(finding: Finding, document: Document, source: str) -> Problem:
    line, column = document.position(finding.loc, finding.of_key)
    return Problem(finding.message, dotted(finding.loc), line, column, finding.level, source)
