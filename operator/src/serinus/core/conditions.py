"""Conditions in the way of the Kubernetes API: `lastTransitionTime` moves only when the status does."""

from datetime import datetime
from typing import Literal

from serinus.core import reasons
from serinus.core.analysis.reasons import LATENCY_EDGE_MISSING
from serinus.core.drift import DRIFTED
from serinus.core.looking import JUDGED
from serinus.core.model import Frozen
from serinus.core.observation import Observation, Problem
from serinus.core.state import IN_ROLLOUT, Condition, Phase, RolloutState

Status = Literal["True", "False", "Unknown"]

SERVES_NOTHING = frozenset({Phase.PENDING, Phase.FAILED})
NOT_ASKED = frozenset(
    {
        LATENCY_EDGE_MISSING,
        reasons.COLLECTOR_MISSING,
        reasons.QUALITY_UNAVAILABLE,
        reasons.PREDICTOR_COUNTERS_MISSING,
        reasons.PROMETHEUS_MISSING,
        reasons.QUERY_INVALID,
    }
)
ENDED_BADLY = frozenset({Phase.ROLLED_BACK, Phase.FAILED})


class _Wanted(Frozen):
    type: str
    status: Status
    reason: str
    message: str


def with_conditions(state: RolloutState, observed: Observation, now: datetime) -> RolloutState:
    """The state with its conditions as they are now."""
    former = {condition.type: condition for condition in state.conditions}
    beside = (*_drifted(state), *_retraining(state))
    wanted = (_ready(state, observed), _progressing(state), _degraded(state, observed), *beside)
    return state.model_copy(update={"conditions": tuple(_settled(former.get(w.type), w, now) for w in wanted)})


def trouble_of(state: RolloutState, observed: Observation) -> str:
    """The reason of the condition Degraded, where it says more than the outcome; else why nothing can be judged."""
    for condition in state.conditions:
        told = state.phase in ENDED_BADLY and condition.reason == state.reason
        if (condition.type, condition.status) == ("Degraded", "True") and not told:
            return condition.reason
    if state.phase in JUDGED and isinstance(observed.metrics, Problem):
        return observed.metrics.reason
    return state.reason if state.reason in NOT_ASKED else ""


def _settled(former: Condition | None, wanted: _Wanted, now: datetime) -> Condition:
    since = former.last_transition_time if former and former.status == wanted.status else now
    return Condition(**wanted.model_dump(), last_transition_time=since)


def _ready(state: RolloutState, observed: Observation) -> _Wanted:
    stable = state.stable
    if stable is None or state.phase in SERVES_NOTHING:
        return _Wanted(type="Ready", status="False", reason=state.reason, message=state.message)
    if not observed.serving.answers(stable.id) and observed.serving.weights.get(stable.id, 0) > 0:
        message = f"{stable.label} has no ready replica"
        return _Wanted(type="Ready", status="False", reason=reasons.STABLE_NOT_READY, message=message)
    return _Wanted(type="Ready", status="True", reason=reasons.SERVING, message=f"{stable.label} serves")


def _progressing(state: RolloutState) -> _Wanted:
    moving = state.phase in IN_ROLLOUT or state.phase is Phase.PENDING
    return _Wanted(type="Progressing", status="True" if moving else "False", reason=state.reason, message=state.message)


def _degraded(state: RolloutState, observed: Observation) -> _Wanted:
    if isinstance(observed.target, Problem) and not observed.target.passing:
        return _Wanted(type="Degraded", status="True", reason=observed.target.reason, message=observed.target.message)
    if (problem := observed.serving.problem) is not None:
        return _Wanted(type="Degraded", status="True", reason=problem.reason, message=problem.message)
    if state.phase in ENDED_BADLY or state.reason == reasons.MIRRORING_UNAVAILABLE:
        return _Wanted(type="Degraded", status="True", reason=state.reason, message=state.message)
    if state.registry_problem:
        return _Wanted(type="Degraded", status="True", reason=state.registry_reason, message=state.registry_problem)
    return _Wanted(
        type="Degraded",
        status="False",
        reason=reasons.AS_ASKED,
        message="what the spec asks for is under way or serves",
    )


def _drifted(state: RolloutState) -> tuple[_Wanted, ...]:
    """Only where it is watched. Drift is nothing that a rollout has done, so it degrades nothing."""
    drift = state.drift
    return (_Wanted(type=DRIFTED, status=drift.status, reason=drift.reason, message=drift.message),) if drift else ()


def _retraining(state: RolloutState) -> tuple[_Wanted, ...]:
    """Only where retraining was ever asked for."""
    memory = state.retraining
    if memory is None:
        return ()
    blocked = memory.hold is not None and memory.hold.reason == reasons.NEEDS_PERSON
    status: Status = "True" if blocked else "False"
    return (_Wanted(type="RetrainingBlocked", status=status, reason=memory.reason, message=memory.message),)
