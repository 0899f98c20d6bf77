"""What a valid ModelDeployment may ask for and is not done: by this release nowhere, or not on one machine.

It is refused, never ignored.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from serinus.core.spec import ModelDeployment, Strategy
from serinus.core.spec.fields import shown
from serinus.lint.problem import Finding, Level, Location, dotted

Refused = Callable[[Any, dict[str, Any]], bool]  # the value, and the whole spec

EACH = "*"


@dataclass(frozen=True)
class Row:
    """One field, which of its values are refused, what they wait for, and what to do until then."""

    loc: tuple[str, ...]
    refused: Refused
    missing: str
    instead: str


def _is(*values: Any) -> Refused:
    return lambda value, _: value in values


def _is_not(*values: Any) -> Refused:
    return lambda value, _: value not in values


def _given(value: Any, _: dict[str, Any]) -> bool:
    return value not in (None, {}, ())


def _scales(value: Any, spec: dict[str, Any]) -> bool:
    return value is not None and value > spec["serving"]["minReplicas"]


def _mirrors_in_knative(value: Any, spec: dict[str, Any]) -> bool:
    return Strategy(value).mirrors and spec["serving"]["mode"] == "Knative"


def _cannot_be_kept_from_a_logger(value: Any, spec: dict[str, Any]) -> bool:
    return value not in ((), [], 1.0) and spec["serving"]["runtime"] != "serinus"


WHOLE_REQUESTS = "with a runtime other than serinus, for KServe's logger sends whole requests"
INSTEAD_OF_HIDING = "remove it and let the collector hash, drop or sample, or use runtime serinus"
NOWHERE_YET = (
    Row(("rollout", "strategy"), _mirrors_in_knative, "in mode Knative, which copies no requests", "use Canary"),
    *(
        Row(("monitoring", "log", name), _cannot_be_kept_from_a_logger, WHOLE_REQUESTS, INSTEAD_OF_HIDING)
        for name in ("sampleRate", "hash", "drop")
    ),
    Row(("monitoring", "slo"), _given, "yet", "remove it, and alert on the errors and latency of the gateway"),
)
ONE_MACHINE = "on one machine, it needs a cluster"
ONLY_IN_A_CLUSTER = (
    Row(("serving", "mode"), _is("Knative", "Standard"), ONE_MACHINE, "use Auto"),
    Row(("serving", "runtime"), _is_not("serinus"), ONE_MACHINE, "use serinus"),
    Row(("serving", "format"), _is_not(None, "mlflow", "sklearn"), ONE_MACHINE, "remove it, or use sklearn"),
    Row(("serving", "minReplicas"), _is(0), ONE_MACHINE, "use 1 or more"),
    Row(("serving", "maxReplicas"), _scales, ONE_MACHINE, "make it equal to minReplicas"),
    Row(("serving", "resources"), _given, ONE_MACHINE, "remove it; a process on one machine has no limits"),
    Row(("serving", "gateway"), _given, ONE_MACHINE, "remove it"),
    Row(("serving", "hostname"), _given, ONE_MACHINE, "remove it"),
    Row(("serving", "template"), _given, ONE_MACHINE, "remove it"),
    Row(("serving", "adopt"), _is(True), ONE_MACHINE, "remove it"),
    Row(("retraining", "triggers", EACH, "type"), _is("Event"), ONE_MACHINE, "use `serinus retrain`"),
    Row(("deletionPolicy",), _is("Orphan"), ONE_MACHINE, "use Delete"),
)


def unsupported(deployment: ModelDeployment) -> list[Finding]:
    """Each field that asks for what this release does nowhere."""
    return _found(deployment, NOWHERE_YET)


def unsupported_on_one_machine(deployment: ModelDeployment) -> list[Finding]:
    """Each field that asks for what this release does not do on one machine."""
    return _found(deployment, (*NOWHERE_YET, *ONLY_IN_A_CLUSTER))


def only_in_a_cluster(deployment: ModelDeployment) -> list[Finding]:
    """One warning at the first field that only a cluster can give, naming all of them."""
    found = _found(deployment, ONLY_IN_A_CLUSTER)
    if not found:
        return []
    fields = ", ".join(dotted(finding.loc) for finding in found)
    message = f"this needs a cluster, and `serinus run` on one machine refuses it: {fields}"
    return [Finding(found[0].loc, message, Level.WARNING)]


def _found(deployment: ModelDeployment, rows: tuple[Row, ...]) -> list[Finding]:
    spec = deployment.spec.model_dump(mode="json", by_alias=True)
    return [
        Finding(("spec", *loc), _sentence(loc, value, row))
        for row in rows
        for loc, value in _values(spec, row.loc, ())
        if row.refused(value, spec)
    ]


def _sentence(loc: Location, value: Any, row: Row) -> str:
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    what = f"{loc[-1]} {shown(value)}" if plain else str(loc[-1])
    return f"{what} is not supported {row.missing}; {row.instead}"


def _values(value: Any, path: tuple[str, ...], loc: Location) -> Iterator[tuple[Location, Any]]:
    """Every value at `path`, where EACH stands for all items of a list; none where something on the way is not given."""
    if value is None:
        return
    if path[0] == EACH:
        for index, item in enumerate(value):
            yield from _values(item, path[1:], (*loc, index))
    elif len(path) == 1:
        yield (*loc, path[0]), value[path[0]]
    elif value[path[0]] is not None:
        yield from _values(value[path[0]], path[1:], (*loc, path[0]))
