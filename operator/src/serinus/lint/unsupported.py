"""What a valid ModelDeployment may ask for and this release does not do on one machine: refused, never ignored."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from serinus.core.spec import ModelDeployment
from serinus.core.spec.fields import shown
from serinus.lint.problem import Finding, Location, Problem, dotted

Refused = Callable[[Any, dict[str, Any]], bool]  # the value, and the map it stands in

EACH = "*"


@dataclass(frozen=True)
class Row:
    """One field, which of its values are refused, what they come with later, and what to do until then."""

    loc: tuple[str, ...]
    refused: Refused
    later: str
    instead: str


def _is(*values: Any) -> Refused:
    return lambda value, _: value in values


def _is_not(*values: Any) -> Refused:
    return lambda value, _: value not in values


def _given(value: Any, _: dict[str, Any]) -> bool:
    return value not in (None, {}, ())


def _scales(value: Any, serving: dict[str, Any]) -> bool:
    return value is not None and value > serving["minReplicas"]


CLUSTER = "serving in a cluster"
ROWS = (
    Row(("serving", "mode"), _is("Knative", "Standard"), CLUSTER, "use Auto"),
    Row(("serving", "runtime"), _is_not("serinus"), CLUSTER, "use serinus"),
    Row(("serving", "format"), _is_not(None, "mlflow", "sklearn"), CLUSTER, "remove it, or use sklearn"),
    Row(("serving", "minReplicas"), _is(0), "scaling to zero", "use 1 or more"),
    Row(("serving", "maxReplicas"), _scales, "autoscaling", "make it equal to minReplicas"),
    Row(("serving", "resources"), _given, CLUSTER, "remove it; a process on one machine has no limits"),
    Row(("serving", "gateway"), _given, CLUSTER, "remove it"),
    Row(("serving", "hostname"), _given, CLUSTER, "remove it"),
    Row(("serving", "template"), _given, CLUSTER, "remove it"),
    Row(("serving", "adopt"), _is(True), CLUSTER, "remove it"),
    Row(("rollout", "strategy"), _is("BlueGreen"), "blue-green rollouts", "use Canary or Immediate"),
    Row(("rollout", "strategy"), _is("Shadow"), "mirrored traffic", "use Canary or Immediate"),
    Row(("rollout", "signals", EACH, "type"), _is("Quality"), "delayed labels", "remove the signal"),
    Row(("rollout", "signals", EACH, "type"), _is("Drift"), "drift monitoring", "remove the signal"),
    Row(("rollout", "signals", EACH, "type"), _is("Query"), "Prometheus", "remove the signal"),
    Row(("monitoring",), _given, "drift monitoring", "remove it"),
    Row(("retraining",), _given, "retraining triggers", "remove it, and train with `serinus train`"),
    Row(("deletionPolicy",), _is("Orphan"), CLUSTER, "use Delete"),
)


def unsupported(deployment: ModelDeployment, source: str = "") -> tuple[Problem, ...]:
    """Each field that asks for what this release does not do on one machine."""
    return tuple(
        Problem(finding.message, dotted(finding.loc), source=source) for finding in unsupported_findings(deployment)
    )


def unsupported_findings(deployment: ModelDeployment) -> list[Finding]:
    """The same, before their lines are known."""
    spec = deployment.spec.model_dump(mode="json", by_alias=True)
    return [
        Finding(("spec", *loc), _sentence(loc, value, row))
        for row in ROWS
        for loc, value, parent in _values(spec, row.loc, ())
        if row.refused(value, parent)
    ]


def _sentence(loc: Location, value: Any, row: Row) -> str:
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    what = f"{loc[-1]} {shown(value)}" if plain else str(loc[-1])
    return f"{what} is not supported yet on one machine, it comes with {row.later}; {row.instead}"


def _values(value: Any, path: tuple[str, ...], loc: Location) -> Iterator[tuple[Location, Any, dict[str, Any]]]:
    """Every value at `path`, where EACH stands for all items of a list, with the map it stands in."""
    if path[0] == EACH:
        for index, item in enumerate(value):
            yield from _values(item, path[1:], (*loc, index))
    elif len(path) == 1:
        yield (*loc, path[0]), value[path[0]], value
    else:
        yield from _values(value[path[0]], path[1:], (*loc, path[0]))
