"""What a policy sees and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from serinus.core.observation import Observation
from serinus.core.plan import ServingPlan
from serinus.core.revision import Revision
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.state import Phase, Rollout, RolloutState, transition

IDLE = timedelta(seconds=30)
SOON = timedelta(seconds=1)
NOT_LATE = timedelta()


@dataclass(frozen=True)
class Input:
    """The immutable input of every policy. `late`: how long Serinus itself had no time for the deployment.

    `name` is the deployment's, as namespace/name.
    """

    spec: ModelDeploymentSpec
    state: RolloutState
    observed: Observation
    now: datetime
    late: timedelta = NOT_LATE
    name: str = ""

    @property
    def target(self) -> Revision | None:
        """The revision that the spec asks for, or None while it cannot be resolved."""
        return self.observed.target if isinstance(self.observed.target, Revision) else None

    @property
    def rollout(self) -> Rollout:
        """The rollout under way; only for policies of the phases that have one."""
        if self.state.rollout is None:
            raise AssertionError(f"phase {self.state.phase} has no rollout")
        return self.state.rollout

    def in_phase_for(self) -> timedelta:
        """How long the phase has lasted."""
        return self.now - self.state.phase_since


@dataclass(frozen=True)
class Step:
    """A policy's answer: the next state and when to look again. Its reason and message stand in the state."""

    state: RolloutState
    requeue_after: timedelta = SOON


@dataclass(frozen=True)
class Note:
    """Something that happened beside the rollout, in the journal and as an Event. `warning`: a person should look."""

    reason: str
    message: str
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    warning: bool = False


@dataclass(frozen=True)
class Decision:
    """What one reconcile decided: the state to save, the world that follows from it, and why.

    `evidence` holds the latest numbers of every signal by its name. `changed`: a person would notice the
    difference (the evidence may have grown either way). `changes_in`: after how long time alone makes another one likely.
    `trouble` is the reason why it is not as asked for, or why nothing can be judged; empty where there is none. `notes`:
    what else has happened.
    """

    next_state: RolloutState
    plan: ServingPlan
    reason: str
    message: str
    evidence: dict[str, dict[str, float]]
    requeue_after: timedelta
    changed: bool
    changes_in: timedelta | None = None
    trouble: str = ""
    notes: tuple[Note, ...] = ()


Policy = Callable[[Input], Step | None]
"""A small named check. None: it has nothing to say, ask the next one."""


def go(seen: Input, to: Phase, reason: str, message: str, **changes: object) -> Step:
    """Enter (or stay in) a phase and look again soon."""
    return Step(transition(seen.state, to, seen.now, reason, message, **changes))


def stay(seen: Input, reason: str, message: str, requeue_after: timedelta = SOON, **changes: object) -> Step:
    """Remain in the phase, with the reason of the moment."""
    return Step(transition(seen.state, seen.state.phase, seen.now, reason, message, **changes), requeue_after)


def change_rollout(seen: Input, **changes: object) -> Rollout:
    """The rollout under way with some of its fields changed."""
    return seen.rollout.model_copy(update=changes)
