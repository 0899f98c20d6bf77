"""What becomes of the version that a run registered: its rollout is to come, and what it ends with counts.

A run that registers a version is a better model only as far as its gates can tell. One whose rollout is taken back was none.
"""

from datetime import timedelta
from typing import Final

from serinus.core import reasons
from serinus.core.decision import Input
from serinus.core.retraining.limits import told
from serinus.core.retraining.state import Hold, PastRun, RetrainingState, shortened
from serinus.core.state import Outcome, RolloutRecord, RolloutState

LONGEST_WAIT: Final = timedelta(minutes=10)
"""From a run's end to the rollout of its version. Afterwards the alias that is followed is held to be another one."""


def with_outcome_of_rollout(memory: RetrainingState, state: RolloutState, seen: Input) -> RetrainingState:
    """The memory with how the rollout of the newest version ended, told and counted once."""
    run = _newest(memory)
    ended = _ended(run, state, seen) if run else None
    if run is None or ended is None:
        return memory
    outcome, why = ended
    changes: dict[str, object] = {"rollout": str(outcome)}
    if outcome is Outcome.ROLLED_BACK:
        changes["message"] = shortened(f"its rollout was taken back ({why}); {run.message}")
    marked = run.model_copy(update=changes)
    memory = memory.changed(runs=tuple(marked if one is run else one for one in memory.runs))
    return _without_better(memory, run) if outcome is Outcome.ROLLED_BACK else memory


def awaited(memory: RetrainingState, seen: Input) -> Hold | None:
    """Whether the version of the latest run is still to be rolled out, and until when that is waited for."""
    run = _newest(memory)
    if run is None or seen.spec.model.alias is None or not timedelta() <= seen.now - run.ended_at < LONGEST_WAIT:
        return None
    until = run.ended_at + LONGEST_WAIT
    message = (
        f"version {run.version}, which run {run.key} registered, was not rolled out yet; that is waited for until "
        f"{told(until)}"
    )
    return Hold(reason=reasons.VERSION_AWAITED, message=message, until=until)


def _newest(memory: RetrainingState) -> PastRun | None:
    """The latest run that registered a version, as long as nobody knows what became of it."""
    run = next((one for one in reversed(memory.runs) if one.version), None)
    return run if run and not run.rollout else None


def _without_better(memory: RetrainingState, run: PastRun) -> RetrainingState:
    """One more without a better model, on top of those before it, unless a version was promoted since."""
    since = memory.serving_since
    before = run.without_better if since is None or since <= run.ended_at else 0
    return memory.changed(without_better=memory.without_better + before + 1)


def _ended(run: PastRun, state: RolloutState, seen: Input) -> tuple[Outcome, str] | None:
    stable, target = state.stable, seen.target
    is_target = target is not None and target.artifact.version == run.version
    since = [one for one in state.history if one.started_at >= run.started_at]
    own = [one for one in since if one.to_version == run.version]
    if own and not (own[-1].outcome is Outcome.SUPERSEDED and is_target):  # by itself, under another template
        return own[-1].outcome, f"{own[-1].reason}: {own[-1].message}"
    if stable is not None and state.has_served and stable.artifact.version == run.version:
        return Outcome.PROMOTED, ""
    rejection = state.rejection_of(target.id) if target is not None and is_target else None
    if rejection is not None:
        return Outcome.ROLLED_BACK, f"{rejection.reason}: {rejection.message}"
    if target is not None and not is_target and any(_came_first(one, run) for one in since):
        return Outcome.SUPERSEDED, ""
    return None


def _came_first(record: RolloutRecord, run: PastRun) -> bool:
    """Whether another version was rolled out in place of the run's."""
    return record.started_at >= run.ended_at and record.outcome is not Outcome.SUPERSEDED
