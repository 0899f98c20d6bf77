"""Ending a rollout: taking it back, closing its record, and what the registry is owed for it."""

from serinus.core.analysis import SignalVerdict, Verdict, judge
from serinus.core.decision import Input, Step, change_rollout, go
from serinus.core.policies.serving import stable_replicas
from serinus.core.revision import Artifact
from serinus.core.state import (
    AliasMove,
    Ending,
    Outcome,
    Phase,
    Rejection,
    Rollout,
    RolloutRecord,
    RolloutState,
    SignalResult,
    WeightChange,
)

HISTORY_LENGTH = 10
REJECTED_LENGTH = 20
PROMOTED_LENGTH = 20


def take_back(seen: Input, outcome: Outcome, reason: str, message: str, *, rejects: bool) -> Step:
    """Send all traffic back to stable; with `rejects` the candidate gets none again until `retry`."""
    ending = Ending(outcome=outcome, reason=reason, message=message, rejects=rejects)
    weights = (*seen.rollout.weights, WeightChange(at=seen.now, weight=0))
    rollout = change_rollout(seen, ending=ending, weight=0, mirror=0, weights=weights)
    return go(seen, Phase.ROLLING_BACK, reason, message, rollout=rollout)


def promote(seen: Input, reason: str, message: str) -> Step:
    """Give the candidate all traffic; it becomes stable when the route has accepted that."""
    weights = (*seen.rollout.weights, WeightChange(at=seen.now, weight=100))
    rollout = change_rollout(seen, weight=100, mirror=0, weights=weights, stable_replicas=stable_replicas(seen))
    return go(seen, Phase.PROMOTING, reason, message, rollout=rollout)


def close_rollout(seen: Input, ending: Ending) -> dict[str, object]:
    """The state's changes that end the rollout under way: record, rejection, nothing left running."""
    record = record_of(seen, ending)
    rejected = rejected_with(seen.state, rejection_of(seen, ending) if ending.rejects else None)
    return {
        "rollout": None,
        "rejected": rejected,
        "unrecorded": (*seen.state.unrecorded, record),
        "history": (*seen.state.history, record.model_copy(update={"curve": ()}))[-HISTORY_LENGTH:],
    }


def rejected_with(state: RolloutState, rejection: Rejection | None) -> tuple[Rejection, ...]:
    """The quarantine with one more entry, the latest last."""
    return (*state.rejected, rejection)[-REJECTED_LENGTH:] if rejection else state.rejected


def rejection_of(seen: Input, ending: Ending) -> Rejection:
    """The candidate's quarantine entry."""
    rollout = seen.rollout
    return Rejection(
        revision=rollout.candidate.id,
        label=rollout.candidate.label,
        rollout_id=rollout.id,
        reason=ending.reason,
        message=ending.message,
        at=seen.now,
    )


def record_of(seen: Input, ending: Ending) -> RolloutRecord:
    """What is kept of a finished rollout."""
    rollout, stable = seen.rollout, seen.state.stable
    evidence = rollout.evidence
    return RolloutRecord(
        id=rollout.id,
        attempt=rollout.attempt,
        model=rollout.candidate.artifact.model,
        from_version=stable.artifact.version if stable else "",
        to_version=rollout.candidate.artifact.version,
        revision=rollout.candidate.id,
        outcome=ending.outcome,
        reason=ending.reason,
        message=ending.message,
        started_at=rollout.started_at,
        ended_at=seen.now,
        weights=rollout.weights,
        signals=signal_results(rollout),
        candidate_requests=evidence.candidate_requests,
        candidate_failed=evidence.totals.candidate.bad,
        stable_requests=evidence.stable_requests,
        stable_failed=evidence.totals.stable.bad,
        curve=rollout.curve,
    )


def failing(seen: Input) -> tuple[SignalVerdict, ...]:
    """The signals that show harm."""
    return tuple(verdict for verdict in judge(seen.rollout.evidence) if verdict.verdict is Verdict.FAIL)


def signal_results(rollout: Rollout) -> tuple[SignalResult, ...]:
    """Every signal's verdict with its numbers."""
    return tuple(
        SignalResult(
            name=verdict.name,
            type=verdict.type,
            verdict=str(verdict.verdict),
            reason=verdict.reason,
            message=verdict.message,
            numbers=dict(verdict.numbers),
        )
        for verdict in judge(rollout.evidence)
    )


def alias_owed(seen: Input, artifact: Artifact) -> AliasMove | None:
    """The alias that must follow what serves, or None where the spec names none or the artifact has no version."""
    alias = seen.spec.model.promote_alias
    return (
        AliasMove(model=artifact.model, alias=alias, version=artifact.version) if alias and artifact.version else None
    )


def remember_promoted(state: RolloutState, revision: str, leaves: Rejection | None = None) -> tuple[str, ...]:
    """The known-good revisions with one more, the latest last, each once; what a person goes back from is none of them."""
    others = tuple(entry for entry in state.promoted if entry not in (revision, leaves and leaves.revision))
    return (*others, revision)[-PROMOTED_LENGTH:]
