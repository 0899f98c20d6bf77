"""Capacity before traffic: which weights a route may have now, on the way to those planned."""

from collections.abc import Mapping, Set

from serinus.core.plan import Role, ServedRevision, ServingPlan

ORDER = {Role.STABLE: 0, Role.CANDIDATE: 1}


def next_weights(planned: Mapping[str, int], current: Mapping[str, int], ready: Set[str]) -> Mapping[str, int]:
    """The weights to route by now: those planned, once every revision whose share grows can take requests.

    Capacity before traffic. A share that shrinks never waits, and where nothing is ready there is nothing to protect.
    """
    growing = {revision for revision, weight in planned.items() if weight > current.get(revision, 0)}
    return planned if growing <= ready or not ready else current


def grows(plan: ServingPlan, current: Mapping[str, int]) -> bool:
    """Whether any revision is to have a larger share than it has."""
    return any(weight > current.get(revision, 0) for revision, weight in plan.weights)


def shifted(
    plan: ServingPlan, current: Mapping[str, int], listable: Set[str], ready: Set[str]
) -> dict[str, int] | None:
    """The weights to write now, revisions without any included; None to leave the route as it is.

    `listable` are the revisions that a route can name (their Services exist), `ready` those that can take requests.
    Stable comes first and the candidate second, and stay there: gateways name their counters by a backend's place.
    """
    served = sorted(plan.served, key=_place)
    planned = {one.revision.id: plan.weight(one.revision.id) for one in served}
    weights = next_weights(planned, current, ready)
    if any(weight and revision not in listable for revision, weight in weights.items()):
        return None
    listed = {revision: weights.get(revision, 0) for revision in planned if revision in listable}
    leaving = {revision: weight for revision, weight in weights.items() if weight and revision not in planned}
    return listed | leaving or None


def _place(served: ServedRevision) -> int:
    return ORDER.get(served.role, len(ORDER))
