"""What Serinus remembers of one ModelDeployment between two reconciles (`.status` in a cluster, a file on one machine).

It is enough to go on after a crash at any instruction: the world is a pure function of it (`serinus.core.planning`).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field

from serinus.core.analysis import Evidence
from serinus.core.model import Frozen
from serinus.core.retraining.state import RetrainingState
from serinus.core.revision import Revision
from serinus.core.spec import RolloutPolicy
from serinus.core.watching.state import DriftState


class Phase(StrEnum):
    """Where a ModelDeployment stands."""

    PENDING = "Pending"
    STABLE = "Stable"
    DEPLOYING = "Deploying"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    AWAITING_APPROVAL = "AwaitingApproval"
    PROMOTING = "Promoting"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"


TRANSITIONS: Final[Mapping[Phase, frozenset[Phase]]] = {
    Phase.PENDING: frozenset({Phase.STABLE, Phase.FAILED}),
    Phase.STABLE: frozenset({Phase.DEPLOYING, Phase.ROLLED_BACK}),
    Phase.DEPLOYING: frozenset({Phase.PROGRESSING, Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.PROGRESSING: frozenset({Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.PAUSED: frozenset({Phase.PROGRESSING, Phase.AWAITING_APPROVAL, Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.AWAITING_APPROVAL: frozenset({Phase.PROMOTING, Phase.ROLLING_BACK}),
    Phase.PROMOTING: frozenset({Phase.STABLE, Phase.ROLLING_BACK}),
    Phase.ROLLING_BACK: frozenset({Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED}),
    Phase.ROLLED_BACK: frozenset({Phase.STABLE, Phase.DEPLOYING}),
    Phase.FAILED: frozenset({Phase.PENDING, Phase.STABLE, Phase.DEPLOYING}),
}
"""Every phase a phase may go to. `transition` refuses any other."""

IN_ROLLOUT: Final = frozenset(
    {Phase.DEPLOYING, Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL, Phase.PROMOTING, Phase.ROLLING_BACK}
)
"""The phases that have a rollout under way."""


class Stage(StrEnum):
    """Where a weight step stands: replicas come before traffic, traffic before judgement."""

    SCALING = "Scaling"
    SHIFTING = "Shifting"
    ANALYSING = "Analysing"


class Outcome(StrEnum):
    """How a rollout ended."""

    PROMOTED = "Promoted"
    ROLLED_BACK = "RolledBack"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"


class WeightChange(Frozen):
    """The candidate's share in percent from `at` on, and the share that is copied to it."""

    at: datetime
    weight: int
    mirror: int = 0


class EvidencePoint(Frozen):
    """One point of the evidence curve: each signal's numbers (evidence as odds to 1) and the counts so far."""

    at: datetime
    weight: int
    mirror: int = 0
    candidate_requests: int
    candidate_failed: int
    stable_requests: int
    stable_failed: int
    signals: dict[str, dict[str, float]]


class Ending(Frozen):
    """Why a rollout is being taken back. `rejects`: the revision gets no traffic again until `retry`."""

    outcome: Outcome
    reason: str
    message: str
    rejects: bool


class Rejection(Frozen):
    """A revision that must not get traffic again until `retry`, and why."""

    revision: str
    label: str
    rollout_id: str
    reason: str
    message: str
    at: datetime


class Rollout(Frozen):
    """A candidate on its way. `policy` is the spec's rollout section as it was at the start.

    `hold_seconds` counts only time that was observed within the current step. `step_requests` is the number of
    candidate requests when the current step began to be analysed. `leaves`: the revision that a person rolls back from;
    it is rejected once the candidate has taken over. Under a strategy that mirrors, `mirror` is the step's share and
    `weight` stays 0 until the promotion. `stable_replicas`: the most that stable had ready when a step began; the candidate
    gets its share of them before its share of the requests, and stable keeps them as long as it may have to take over.
    """

    id: str
    attempt: int
    candidate: Revision
    policy: RolloutPolicy
    started_at: datetime
    step: int = 0
    stage: Stage = Stage.SCALING
    stable_replicas: int = 0
    weight: int = 0
    mirror: int = 0
    stage_since: datetime
    deadline_since: datetime
    hold_seconds: float = 0.0
    step_requests: int = 0
    looked_at: datetime | None = None
    evidence: Evidence
    proceed: bool = False  # onInconclusive: Proceed has waived what is inconclusive; a signal that fails still stops it
    leaves: Rejection | None = None
    waived: tuple[str, ...] = ()  # signals that had failed when a person resumed nevertheless
    ending: Ending | None = None
    weights: tuple[WeightChange, ...] = ()
    curve: tuple[EvidencePoint, ...] = ()


class Warm(Frozen):
    """A revision that is kept running at weight 0 until `until`."""

    revision: Revision
    until: datetime


class SignalResult(Frozen):
    """A signal's verdict when its rollout ended."""

    name: str
    type: str
    verdict: str
    reason: str
    message: str
    numbers: dict[str, float]


class RolloutRecord(Frozen):
    """A finished rollout: what status, the report and the registry keep of it."""

    id: str
    attempt: int
    model: str
    from_version: str
    to_version: str
    revision: str
    outcome: Outcome
    reason: str
    message: str
    started_at: datetime
    ended_at: datetime
    weights: tuple[WeightChange, ...]
    signals: tuple[SignalResult, ...]
    candidate_requests: int
    candidate_failed: int
    stable_requests: int
    stable_failed: int
    curve: tuple[EvidencePoint, ...] = ()


class AliasMove(Frozen):
    """An alias that must point at a version. Done once however often it is tried."""

    model: str
    alias: str
    version: str


class Condition(Frozen):
    """One condition, as in the Kubernetes API conventions."""

    type: str
    status: str
    reason: str
    message: str
    last_transition_time: datetime


class RolloutState(Frozen):
    """The whole memory. `sequence` grows with every save and is the precondition of the next one.

    `warm` served until the last promotion, and is ready to serve again; `kept` was rejected, and is there to be looked at.
    `former` is what stable replaced, warm or not: `rollback` goes back to it.
    `alias_move` and `unrecorded` are effects outside the serving side that are owed and not yet confirmed;
    `registry_problem` is the sentence that says why, and `registry_reason` its reason.
    """

    sequence: int = 0
    phase: Phase = Phase.PENDING
    phase_since: datetime
    reason: str
    message: str
    stable: Revision | None = None
    rollout: Rollout | None = None
    warm: Warm | None = None
    kept: Warm | None = None
    former: Revision | None = None
    promoted: tuple[str, ...] = ()
    rejected: tuple[Rejection, ...] = ()
    rollouts_started: int = 0
    attempts: dict[str, int] = Field(default_factory=dict)
    handled_nonce: str = ""
    action_message: str = ""
    action_refused: bool = False
    alias_move: AliasMove | None = None
    registry_problem: str = ""
    registry_reason: str = ""
    unrecorded: tuple[RolloutRecord, ...] = ()
    history: tuple[RolloutRecord, ...] = ()
    conditions: tuple[Condition, ...] = ()
    url: str = ""
    mode: str = ""
    drift: DriftState | None = None
    retraining: RetrainingState | None = None

    @property
    def has_served(self) -> bool:
        """Whether the stable revision has ever had all requests; until then it may still be exchanged for another."""
        return self.stable is not None and self.stable.id in self.promoted

    @property
    def latest_rollout(self) -> str:
        """The id of the rollout under way, else of the last one that ended; empty where there was none."""
        if self.rollout is not None:
            return self.rollout.id
        return self.history[-1].id if self.history else ""

    def rejection_of(self, revision: str) -> Rejection | None:
        """Why the revision must not get traffic, or None if it may."""
        return next((entry for entry in self.rejected if entry.revision == revision), None)


class IllegalTransition(AssertionError):
    """A policy asked for a transition that the phase table does not have: a defect of Serinus, never of its input."""


def initial_state(now: datetime, reason: str, message: str) -> RolloutState:
    """The state of a ModelDeployment that was never reconciled."""
    return RolloutState(phase_since=now, reason=reason, message=message)


def transition(
    state: RolloutState, to: Phase, now: datetime, reason: str, message: str, **changes: object
) -> RolloutState:
    """`state` in phase `to` with the other changes; staying in a phase keeps `phase_since`. Raises IllegalTransition."""
    if to is not state.phase and to not in TRANSITIONS[state.phase]:
        raise IllegalTransition(f"{state.phase} -> {to} is not in the phase table")
    since = state.phase_since if to is state.phase else now
    return state.model_copy(update={"phase": to, "phase_since": since, "reason": reason, "message": message, **changes})
