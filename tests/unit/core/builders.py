"""Small values for tables: revisions, states, observations."""

from datetime import datetime, timedelta
from typing import Any

from serinus.core.analysis import Evidence, begin
from serinus.core.analysis.answers import Answers, Divergence
from serinus.core.analysis.query import Query
from serinus.core.decision import Input
from serinus.core.observation import Action, MetricsSnapshot, Observation, Problem, RevisionStatus, ServingObservation
from serinus.core.revision import Artifact, Revision, revision_of
from serinus.core.spec import DriftSignal, ModelDeploymentSpec, QuerySignal, RolloutPolicy
from serinus.core.state import IN_ROLLOUT, Ending, Outcome, Phase, Rejection, Rollout, RolloutState
from tests.fakes.clock import START
from tests.fakes.world import deployment

NOW = START
TEMPLATE = deployment().spec.serving.revision_template()


def revision(version: str) -> Revision:
    artifact = Artifact(model="flights", version=version, uri=f"/models/{version}", digest=f"sha256:{version}")
    return revision_of(artifact, TEMPLATE)


STABLE, CANDIDATE, OTHER = revision("1"), revision("2"), revision("3")


def spec(**rollout: Any) -> ModelDeploymentSpec:
    return deployment("2", **rollout).spec


def rollout(policy: RolloutPolicy | None = None, **changes: Any) -> Rollout:
    policy = policy or spec().rollout
    evidence = begin(policy.signals, alpha=policy.alpha, attempt=1, candidate=CANDIDATE.id, stable=STABLE.id, since=NOW)
    values: dict[str, Any] = {
        "id": f"1-{CANDIDATE.id}",
        "attempt": 1,
        "candidate": CANDIDATE,
        "policy": policy,
        "started_at": NOW,
        "stage_since": NOW,
        "deadline_since": NOW,
        "evidence": evidence,
    }
    return Rollout(**(values | changes))


def evidence_of(*signals: Any) -> Evidence:
    """Evidence that holds these states of signals, whatever the policy says."""
    return rollout().evidence.model_copy(update={"signals": signals})


def drifted() -> Answers:
    """A Drift signal that has failed."""
    seen = Divergence(psi=0.9, tvd=0.4, bound=0.1)
    signal = DriftSignal(name="drift", type="Drift")
    return Answers(signal=signal, candidate_rows=1000, stable_rows=9000, looks=1, seen=seen)


def outside() -> Query:
    """A Query signal that has failed."""
    return Query(signal=QuerySignal(name="revenue", type="Query", promql="up", min=1), value=0, outside=2)


def state(phase: Phase, policy: RolloutPolicy | None = None, **changes: Any) -> RolloutState:
    """A state of the phase as it usually is; `changes` that the rollout has go there."""
    inner = {name: changes.pop(name) for name in [*changes] if name in Rollout.model_fields and phase in IN_ROLLOUT}
    values: dict[str, Any] = {"phase": phase, "phase_since": NOW, "reason": "Before", "message": "as it was before"}
    if phase is not Phase.PENDING:
        values |= {"stable": STABLE, "former": OTHER, "promoted": (OTHER.id, STABLE.id)}
    if phase is Phase.ROLLING_BACK:
        inner.setdefault("ending", ending())
    if phase in IN_ROLLOUT:
        values |= {"rollout": rollout(policy, **inner), "rollouts_started": 1}
    return RolloutState(**(values | changes))


def ending(*, rejects: bool = True) -> Ending:
    return Ending(outcome=Outcome.ROLLED_BACK, reason="ErrorsIncreased", message="it failed", rejects=rejects)


def rejection(of: Revision = CANDIDATE) -> Rejection:
    return Rejection(
        revision=of.id, label=of.label, rollout_id="1-x", reason="ErrorsIncreased", message="it failed", at=NOW
    )


def serving(
    *ready: Revision,
    weights: dict[str, int] | None = None,
    failed: Revision | None = None,
    mirror: int = 0,
    no_mirror: str = "",
) -> ServingObservation:
    statuses = {one.id: RevisionStatus(one.id, ready=True, replicas=1, ready_replicas=1) for one in ready}
    if failed:
        statuses[failed.id] = RevisionStatus(failed.id, ready=False, failed=True, message="its digest is another")
    return ServingObservation(
        statuses,
        {STABLE.id: 100} if weights is None else weights,
        "http://here",
        mirror={CANDIDATE.id: mirror} if mirror else {},
        no_mirror=no_mirror,
    )


BOTH = serving(STABLE, CANDIDATE)


def seen(
    before: RolloutState,
    target: Revision | Problem = CANDIDATE,
    world: ServingObservation = BOTH,
    *,
    after: timedelta | float = 0,
    promoted: Revision | Problem | None = None,
    metrics: MetricsSnapshot | Problem | None = None,
    action: Action | None = None,
    asked: ModelDeploymentSpec | None = None,
) -> Input:
    """What a reconcile sees `after` seconds."""
    later: datetime = NOW + (after if isinstance(after, timedelta) else timedelta(seconds=after))
    return Input(asked or spec(), before, Observation(target, world, promoted, metrics, action), later)
