"""What an explanation starts from, and how it writes moments."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from serinus.core.decision import Input
from serinus.core.observation import Observation, Problem, ServingObservation
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.state import Rollout, RolloutState

NOT_OBSERVED = Observation(Problem("", ""), ServingObservation())


@dataclass(frozen=True)
class Seen:
    """A state, what is asked for, and the time."""

    state: RolloutState
    spec: ModelDeploymentSpec
    now: datetime

    @property
    def rollout(self) -> Rollout:
        """The rollout under way; only in phases that have one."""
        return self.as_input.rollout

    @property
    def as_input(self) -> Input:
        """For the policies' own questions about the state; the world is not known here."""
        return Input(self.spec, self.state, NOT_OBSERVED, self.now)

    @property
    def candidate(self) -> str:
        """How people name the candidate."""
        return self.rollout.candidate.label

    @property
    def stable(self) -> str:
        """How people name what serves."""
        return self.state.stable.label if self.state.stable else "nothing"

    def due(self, at: datetime) -> str:
        """`23:45:12 (in 4m)`, or that it is overdue."""
        left = at - self.now
        when = f"in {rough(left)}" if left > timedelta() else "due now"
        return f"{clock(at, self.now)} ({when})"


def clock(at: datetime, now: datetime) -> str:
    """The time of day where the person is, with the date if it is another day."""
    local, today = at.astimezone(), now.astimezone().date()
    return f"{local:%H:%M:%S}" if local.date() == today else f"{local:%Y-%m-%d %H:%M:%S}"


def rough(value: timedelta) -> str:
    """`45s`, `12m`, `3h`, `5d`, as kubectl prints it."""
    seconds = int(value.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"
