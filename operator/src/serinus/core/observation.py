"""What one reconcile saw: frozen values that the adapters return and the core decides on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from serinus.core.pipeline_run import PipelineRun, Training
from serinus.core.quality import Comparison, Watched
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
    `addresses`: where a revision's predictors answer without the gateway, as in http://host:port, by revision id; what is sent
    there is counted by no gateway. A revision that has none, or none that is known, is left out.
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
    addresses: Mapping[str, str] = field(default_factory=dict)

    def ready(self, revision: str) -> bool:
        """Whether the revision is up with all the replicas it should have."""
        status = self.revisions.get(revision)
        return status is not None and status.ready

    def answers(self, revision: str) -> bool:
        """Whether any replica of the revision is up."""
        status = self.revisions.get(revision)
        return status is not None and status.ready_replicas > 0


@dataclass(frozen=True)
class BinWindow:
    """What one revision's predictors counted in (since, until]: rows by bin of each feature, and of the prediction.

    `features` and `prediction` are counted into the bins of the revision's own reference; `answers` into bins that are the
    same for every revision, so that two of them can be compared. `reference` holds the training rows by feature and bin,
    `reference_prediction` the held-out ones by bin; both are empty where the model has no reference. `since` may be
    later than what was asked for, where nothing is known of the time before.
    """

    revision: str
    since: datetime
    until: datetime
    features: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    prediction: Mapping[str, float] = field(default_factory=dict)
    answers: Mapping[str, float] = field(default_factory=dict)
    reference: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reference_prediction: Mapping[str, float] = field(default_factory=dict)


class Verb(StrEnum):
    """What a person can ask of a rollout."""

    PROMOTE = "promote"
    ABORT = "abort"
    RETRY = "retry"
    PAUSE = "pause"
    RESUME = "resume"
    ROLLBACK = "rollback"
    RETRAIN = "retrain"


@dataclass(frozen=True)
class Action:
    """One request of a person. `nonce` makes it happen once; `rollout_id` is the latest that the person saw.

    `reason` is what the person says of it, where the verb asks.
    """

    verb: Verb
    nonce: str
    rollout_id: str = ""
    by: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Observation:
    """Everything one reconcile saw.

    `target` is the revision that the spec asks for; `promoted` the one that the registry's promoteAlias names, asked for
    only while nothing has ever served. A Problem stands where the answer could not be had; None where nobody asked.

    For the signals of a rollout, by the signal's name: `quality`, `queries` (values) and for Drift `answers`, the windows of
    candidate and stable since the candidate got its present share. For what serves: `inputs`, the window that monitoring
    watches. For retraining: `watched`, the quality of what serves; `labelled`, all rows since the latest run; `run`, the run
    under way; `training`, what a run would be started with.
    """

    target: Revision | Problem
    serving: ServingObservation
    promoted: Revision | Problem | None = None
    metrics: MetricsSnapshot | Problem | None = None
    action: Action | None = None
    quality: Mapping[str, Comparison | Problem] = field(default_factory=dict)
    queries: Mapping[str, float | Problem] = field(default_factory=dict)
    answers: tuple[BinWindow, BinWindow] | Problem | None = None
    inputs: BinWindow | Problem | None = None
    watched: Watched | Problem | None = None
    labelled: Watched | Problem | None = None
    run: PipelineRun | Problem | None = None
    training: Training | Problem | None = None
