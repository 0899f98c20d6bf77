"""When a champion's quality really fell: with hindsight, from every label, whoever noticed.

The mean loss of its first WINDOW is what it was promoted for. It has fallen at the first day whose own mean loss, and that
of the whole WINDOW that begins with it, lie above that by more than the maxIncrease of the Quality trigger (or of the
default one). What it would have answered to the rows after its own time counts too, or else a fall that was noticed at
once would be none.
"""

from datetime import datetime, timedelta
from typing import Final

import numpy as np

from serinus.backtest.history import nanoseconds
from serinus.backtest.policies import loss_of
from serinus.backtest.replay import FIRST_RUN, Replay
from serinus.backtest.result import Fall
from serinus.collector.losses import row_losses
from serinus.core.spec import ModelDeployment, QualityTrigger
from serinus.core.state import Outcome
from serinus.training.schema import Task

WINDOW: Final = timedelta(days=7)
STEP: Final = timedelta(days=1)
FEWEST_ROWS: Final = 30


def falls_of(replay: Replay, trigger: QualityTrigger) -> tuple[Fall, ...]:
    """The falls of all champions, from the oldest."""
    found = []
    for version, since, until in reigns_of(replay):
        fell_at = fall_of(replay, trigger, version, since, until)
        if fell_at is not None:
            later = (
                run.at for key, run in replay.pipeline.runs.items() if key != FIRST_RUN and fell_at <= run.at < until
            )
            found.append(Fall(version=version, fell_at=fell_at, detected_at=min(later, default=None)))
    return tuple(found)


def reigns_of(replay: Replay) -> list[tuple[str, datetime, datetime]]:
    """(version, since, until) of each champion."""
    promoted = [record for record in replay.journal.records.values() if record.outcome is Outcome.PROMOTED]
    begun = [(replay.pipeline.runs[FIRST_RUN].version, replay.span.start)]
    begun += [(record.to_version, record.ended_at) for record in promoted]
    ends = [since for _, since in begun[1:]] + [replay.span.end]
    return [(version, since, until) for (version, since), until in zip(begun, ends, strict=True)]


def fall_of(replay: Replay, trigger: QualityTrigger, version: str, since: datetime, until: datetime) -> datetime | None:
    """When the champion's quality fell between `since` and `until`, or None."""
    champion, history = replay.registry.versions[version], replay.history
    first, last = history.before(since), history.before(until + WINDOW)
    answers = replay.answers.of(champion, first, last)
    found = row_losses(trigger.metric, trigger.bound, answers, history.truth[first:last])
    known = ~np.isnan(found)
    times, sums = history.times[first:last][known], np.concatenate([[0.0], np.cumsum(found[known])])

    def mean(start: datetime, length: timedelta) -> float:
        low, high = np.searchsorted(times, [nanoseconds(start), nanoseconds(start + length)])
        return float((sums[high] - sums[low]) / (high - low)) if high - low >= FEWEST_ROWS else np.nan

    limit, at = mean(since, WINDOW) + trigger.max_increase, since + WINDOW
    while at < until:
        if mean(at, STEP) > limit and mean(at, WINDOW) > limit:
            return at
        at += STEP
    return None


def fall_trigger(deployment: ModelDeployment, task: Task) -> QualityTrigger:
    """The Quality trigger of the user's ModelDeployment, or as it is by default for the task."""
    retraining = deployment.spec.retraining
    declared = [one for one in (retraining.triggers if retraining else ()) if isinstance(one, QualityTrigger)]
    return declared[0] if declared else QualityTrigger(type="Quality", metric=loss_of(task))
