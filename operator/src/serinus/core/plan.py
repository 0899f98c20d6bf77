"""What the world should look like: which revisions run and how requests are split between them."""

from dataclasses import dataclass
from enum import StrEnum

from serinus.core.revision import Revision


class Role(StrEnum):
    """Why a revision runs."""

    STABLE = "stable"
    CANDIDATE = "candidate"
    WARM = "warm"  # served before; kept at weight 0 so that going back is one weight change
    REJECTED = "rejected"  # kept at weight 0 so that people can look at its pods; a backend may leave it out


@dataclass(frozen=True)
class ServedRevision:
    """One revision that should be running, with at least `replicas` ready replicas.

    `needed`: how many its share of the requests needs, for backends that do not grow by themselves within seconds.
    """

    revision: Revision
    role: Role
    replicas: int = 1
    needed: int = 0

    @property
    def capacity(self) -> int:
        """The larger of both."""
        return max(self.replicas, self.needed)


@dataclass(frozen=True)
class HeaderMatch:
    """Requests whose header `name` equals `value` go to the candidate whatever the weights are."""

    name: str
    value: str


@dataclass(frozen=True)
class ServingPlan:
    """The wanted serving state. `weights` maps revision id to percent; they sum to 100, or the plan serves nothing.

    A backend brings up every revision in `served`, routes by `weights`, and drains and removes all others.
    `mirror` percent of the requests that the weights send elsewhere are copied to the candidate, whose answers to them
    nobody sees and nobody waits for. `latency_edges_seconds` are the thresholds that the request histograms must have an edge at.
    """

    served: tuple[ServedRevision, ...] = ()
    weights: tuple[tuple[str, int], ...] = ()
    match: HeaderMatch | None = None
    sticky: bool = False
    latency_edges_seconds: tuple[float, ...] = ()
    mirror: int = 0

    def weight(self, revision: str) -> int:
        """The revision's share in percent."""
        return dict(self.weights).get(revision, 0)
