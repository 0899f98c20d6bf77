"""What a deployment's one InferenceService should say next, so that KServe's Knative mode comes to a plan without a leak.

KServe splits requests between two Knative revisions only: the latest ready one gets `canaryTrafficPercent`, the one that
was rolled out last the rest. A plan that is further away is reached in several steps, each a function of the plan and of
what is seen, so that a program which was killed in between goes on from the cluster alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from serinus.core.plan import Role, ServingPlan

WHOLE: Final = 100


@dataclass(frozen=True)
class Incarnation:
    """One Knative revision. `of` is the Serinus revision that it runs; empty where that is none of ours, or not known."""

    name: str
    of: str


@dataclass(frozen=True)
class Step:
    """The revision that the InferenceService describes, and its canaryTrafficPercent."""

    revision: str
    percent: int


@dataclass(frozen=True)
class Seen:
    """An InferenceService and its Knative revisions.

    `bears` is the revision that its spec describes, empty if none that is known. `created`, `latest` (ready), `rolled` and
    `previous` are what KServe's status names; `previous` only if it can take requests. `routed` is the name of the Knative
    revision that the accepted route takes for the latest one. `traffic` is the accepted share by Serinus revision, in percent.
    `is_answered`: what the status names is known to be of the spec as it is now.
    """

    bears: str
    percent: int = WHOLE
    created: Incarnation | None = None
    latest: Incarnation | None = None
    rolled: Incarnation | None = None
    previous: Incarnation | None = None
    routed: str = ""
    traffic: Mapping[str, int] = field(default_factory=dict)
    is_answered: bool = True

    @property
    def step(self) -> Step:
        """To leave it as it is."""
        return Step(self.bears, self.percent)

    @property
    def is_ready(self) -> bool:
        """Whether what the spec describes is there and ready.

        For a second after a change the status still tells of what was before; then the created one is another's.
        """
        is_told_of = self.created is not None and bool(self.bears) and self.created.of == self.bears
        return is_told_of and self.latest == self.created

    @property
    def is_up(self) -> bool:
        """Whether what the spec describes is what gets the percent."""
        is_routed = self.latest is not None and self.latest.name == self.routed
        had_some = self.percent > 0 or self.latest == self.rolled
        return self.is_ready and is_routed and (self.is_answered or had_some)

    @property
    def has_made(self) -> bool:
        """Whether the latest Knative revision is of another model than the one that was rolled out."""
        return self.created is not None and self.created != self.rolled

    @property
    def is_standing(self) -> bool:
        """Whether what the spec describes has all requests, and KServe has taken that down."""
        whole = self.is_answered and self.percent == WHOLE and self.traffic.get(self.bears) == WHOLE
        return whole and self.latest is not None and self.latest == self.rolled and self.latest.of == self.bears

    @property
    def is_settling(self) -> bool:
        """Whether it has all requests and KServe has not taken that down yet; to change the model now would go back."""
        return self.is_ready and self.percent == WHOLE and self.rolled != self.latest

    @property
    def other(self) -> str:
        """The revision that gets what the percent leaves over.

        If the latest one was rolled out, a percent below 100 makes KServe go back to the one before it.
        """
        goes_back = self.is_ready and self.rolled == self.latest and self.previous is not None
        taker = self.previous if goes_back else self.rolled
        return taker.of if taker else ""


def next_step(plan: ServingPlan, seen: Seen | None) -> Step:
    """What to write now; `seen.step` while there is only to wait. The plan serves something."""
    if seen is None:
        return Step(_heaviest(plan), WHOLE)
    shares = _shares(plan)
    if seen.bears not in {one.revision.id for one in plan.served}:
        return _replaced(plan, shares, seen)
    if shares.keys() <= {seen.bears, seen.other}:
        return _shifted(plan, shares, seen)
    return _brought_up(shares, seen)


def _replaced(plan: ServingPlan, shares: Mapping[str, int], seen: Seen) -> Step:
    """The spec describes something that is not wanted (any more), or was edited: it gets no request from here on."""
    if seen.other not in shares:
        return seen.step if seen.is_settling else Step(_heaviest(plan), 0)
    beside = _beside(plan, shares, seen.other)
    if beside != seen.other or seen.has_made:
        return Step(beside, 0)
    # Nothing was made of it yet. Back at 0 would be no other model to KServe, only a lower percent: it would go back further.
    return Step(beside, WHOLE) if seen.percent == WHOLE or seen.is_answered else seen.step


def _shifted(plan: ServingPlan, shares: Mapping[str, int], seen: Seen) -> Step:
    """All that should have requests can have them by a change of the percent alone."""
    percent = _allowed(shares, seen)
    if percent != seen.percent or _positive(seen.traffic) != shares:
        return Step(seen.bears, percent)
    candidate = _candidate(plan)
    has_place = seen.is_standing or (seen.percent == 0 and seen.other in shares)
    if candidate and candidate not in (seen.bears, seen.other) and has_place:
        return Step(candidate, 0)
    return seen.step


def _allowed(shares: Mapping[str, int], seen: Seen) -> int:
    """The percent for now: it is raised only once what the spec describes is what would get it, and lowered at once."""
    wanted = WHOLE if seen.bears == seen.other else shares.get(seen.bears, 0)
    if seen.is_up:
        return wanted
    lowered = min(wanted, seen.percent)
    taker = seen.latest.of if seen.latest else seen.bears
    return lowered if taker == seen.bears or seen.other not in shares else min(lowered, shares.get(taker, 0))


def _brought_up(shares: Mapping[str, int], seen: Seen) -> Step:
    """Something that should have requests is not there yet: it takes the spec's place once that is free."""
    missing = max((one for one in shares if one not in (seen.bears, seen.other)), key=lambda one: shares[one])
    if seen.bears in shares:
        whole = Step(seen.bears, WHOLE) if seen.is_up else seen.step
        return Step(missing, 0) if seen.is_standing else whole
    if seen.other in shares:
        is_free = seen.percent == 0 and seen.traffic.get(seen.other) == WHOLE
        return Step(missing, 0) if is_free else Step(seen.bears, 0)
    return seen.step if seen.is_settling else Step(missing, 0)


def _beside(plan: ServingPlan, shares: Mapping[str, int], other: str) -> str:
    """What the spec should describe while `other` has the rest: whoever is to come up, or it itself once more."""
    missing = [one for one in shares if one != other]
    return missing[0] if missing else _candidate(plan) or other


def _candidate(plan: ServingPlan) -> str:
    return next((one.revision.id for one in plan.served if one.role is Role.CANDIDATE), "")


def _heaviest(plan: ServingPlan) -> str:
    """Whoever has most requests; of equals the stable one."""
    stable_last = sorted(plan.served, key=lambda one: one.role is Role.STABLE)
    return max(reversed(stable_last), key=lambda one: plan.weight(one.revision.id)).revision.id


def _shares(plan: ServingPlan) -> dict[str, int]:
    served = {one.revision.id for one in plan.served}
    return {revision: weight for revision, weight in plan.weights if weight and revision in served}


def _positive(traffic: Mapping[str, int]) -> dict[str, int]:
    return {revision: weight for revision, weight in traffic.items() if weight}
