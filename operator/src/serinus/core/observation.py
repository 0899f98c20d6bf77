"""What one reconcile saw: frozen values that the adapters return and the core decides on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from serinus.core.revision import Revision


@dataclass(frozen=True)
class CounterSample:
    """Cumulative request counters of one revision as one instance counted them since `started_at`.

    `codes` maps an HTTP status code to the requests answered with it. `latency_buckets` maps an upper edge in seconds
    to the number of requests at or below it (cumulative, as in Prometheus). An instance is one counting process
    (a gateway, a pod); when it restarts, its counters begin again at zero with a new `started_at`.
    """

    revision: str
    instance: str
    started_at: datetime
    codes: Mapping[int, int] = field(default_factory=dict)
    latency_buckets: Mapping[float, int] = field(default_factory=dict)


@dataclass(frozen=True)
class InstanceUp:
    """An instance that answered the metrics source, whether or not it has counted anything for a revision yet."""

    instance: str
    started_at: datetime


@dataclass(frozen=True)
class MetricsSnapshot:
    """All cumulative counters of one deployment at one moment."""

    at: datetime
    instances: tuple[InstanceUp, ...] = ()
    samples: tuple[CounterSample, ...] = ()


@dataclass(frozen=True)
class RevisionStatus:
    """How one revision's serving processes are doing.

    `ready`: at least the wanted number of replicas answer. `restarts`: process deaths since the revision was created
    (cumulative, never falls). `failed`: it cannot come up by itself (a corrupted artifact, a model that does not load).
    """

    revision: str
    ready: bool
    replicas: int = 0
    ready_replicas: int = 0
    restarts: int = 0
    failed: bool = False
    message: str = ""


@dataclass(frozen=True)
class Problem:
    """Something that could not be asked or found, as the person in charge should read it.

    `passing`: nothing is wrong so far, the answer is only not there yet.
    """

    reason: str
    message: str
    passing: bool = False


@dataclass(frozen=True)
class ServingObservation:
    """The serving side of one deployment.

    `weights` is what the route was last *accepted* with, in percent by revision id. `known` are the revisions that run, as
    they were brought up: a lost state is rebuilt from them, with the one for stable that the route itself holds for
    `stable` (empty where it does not tell). `problem` says why the serving side cannot follow any plan.
    `mirror` is the share of requests that is copied to a revision, accepted as the weights are. `no_mirror` says why no
    requests can be copied, `no_partial_mirror` why not a share below 100 %; they are empty where it can be done.
    `changes_in`: after how long time alone makes it another observation, where that is known.
    """

    revisions: Mapping[str, RevisionStatus] = field(default_factory=dict)
    weights: Mapping[str, int] = field(default_factory=dict)
    url: str = ""
    mode: str = ""
    known: Mapping[str, Revision] = field(default_factory=dict)
    stable: str = ""
    problem: Problem | None = None
    mirror: Mapping[str, int] = field(default_factory=dict)
    no_mirror: str = ""
    no_partial_mirror: str = ""
    changes_in: timedelta | None = None

    def ready(self, revision: str) -> bool:
        """Whether the revision is up with all the replicas it should have."""
        status = self.revisions.get(revision)
        return status is not None and status.ready

    def answers(self, revision: str) -> bool:
        """Whether any replica of the revision is up."""
        status = self.revisions.get(revision)
        return status is not None and status.ready_replicas > 0


class Verb(StrEnum):
    """What a person can ask of a rollout."""

    PROMOTE = "promote"
    ABORT = "abort"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Action:
    """One request of a person. `nonce` makes it happen once; `rollout_id` is the latest that the person saw."""

    verb: Verb
    nonce: str
    rollout_id: str = ""
    by: str = ""


@dataclass(frozen=True)
class Observation:
    """Everything one reconcile saw.

    `target` is the revision that the spec asks for; `promoted` the one that the registry's promoteAlias names, asked for
    only while nothing has ever served. A Problem stands where the answer could not be had; None where nobody asked.
    """

    target: Revision | Problem
    serving: ServingObservation
    promoted: Revision | Problem | None = None
    metrics: MetricsSnapshot | Problem | None = None
    action: Action | None = None
