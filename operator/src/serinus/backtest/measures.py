"""From a finished replay to its numbers. Here every label is known, also those that came after the end."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluate.step import score
from components.gate.blocks import blocks_of
from components.gate.interval import Pairs, interval_of, relative_gain
from serinus.backtest.falls import falls_of
from serinus.backtest.replay import FIRST_RUN, Replay
from serinus.backtest.result import Hindsight, Period, PolicyResult, Run, VersionHistory
from serinus.backtest.versions import Version
from serinus.core.spec import QualityTrigger
from serinus.core.state import Outcome, RolloutRecord
from serinus.training.values import Metrics

CONFIDENCE: Final = 0.95
SHOWN: Final = {"classification": ("logLoss", "brier", "auc"), "regression": ("rmse", "mae")}


def measured(replay: Replay, trigger: QualityTrigger) -> PolicyResult:
    """The numbers of the policy; `trigger` says how much worse is a fall."""
    runs, records = _runs(replay), list(replay.journal.records.values())
    versions = tuple(_versions(replay, records))
    falls = falls_of(replay, trigger)
    delays = [fall.delay_hours for fall in falls if fall.delay_hours is not None]
    rows = slice(replay.history.before(replay.span.start), replay.traffic.position)
    return PolicyResult(
        policy=replay.name,
        metrics=metrics_of(replay, np.arange(rows.start, rows.stop)),
        requests=rows.stop - rows.start,
        refused_requests=int(np.isnan(replay.traffic.served[rows]).sum()),
        retrains=len(runs),
        failed_runs=sum(run.outcome == "failed" for run in runs),
        refused_by_gate=sum(run.outcome in ("not better", "refused") for run in runs),
        refused_by_canary=sum(one.outcome == "refused by the canary" for one in versions),
        promotions=sum(record.outcome is Outcome.PROMOTED for record in records),
        rollbacks=sum(record.outcome is Outcome.ROLLED_BACK for record in records),
        served_by_worse=sum(one.requests for one in versions if one.hindsight and one.hindsight.worse),
        falls=falls,
        detection_delay_hours=sum(delays) / len(delays) if delays else None,
        training_seconds=sum(run.seconds for run in replay.pipeline.runs.values()),
        periods=tuple(_periods(replay, rows)),
        versions=versions,
        runs=runs,
    )


def metrics_of(replay: Replay, rows: NDArray[np.intp]) -> Metrics:
    """The task's metrics over those of `rows` that were answered and have a label."""
    config, truth = replay.config, replay.history.truth[rows]
    known = ~np.isnan(truth) & ~np.isnan(replay.traffic.served[rows])
    if not known.any():
        return {}
    found = score(pd.Series(truth[known]), pd.Series(replay.traffic.served[rows][known]), config)
    names = [*SHOWN[config.task], *([config.metric] if config.metric not in SHOWN[config.task] else [])]
    one_class = config.task == "classification" and len(np.unique(truth[known])) < 2
    return {name: found[name] for name in names if not (name == "auc" and one_class)}


def _periods(replay: Replay, rows: slice) -> Iterator[Period]:
    """The calendar months (UTC) of the time that was replayed."""
    months = replay.history.times[rows].astype("datetime64[ns]").astype("datetime64[M]")
    for month in np.unique(months):
        inside = np.flatnonzero(months == month) + rows.start
        known = ~np.isnan(replay.history.truth[inside]) & ~np.isnan(replay.traffic.served[inside])
        yield Period(
            name=str(month), requests=len(inside), labelled=int(known.sum()), metrics=metrics_of(replay, inside)
        )


def _runs(replay: Replay) -> tuple[Run, ...]:
    """Every training after the first, with what asked for it."""
    return tuple(
        Run(
            at=one.at,
            causes=replay.causes.get(key, ()),
            outcome=one.outcome,
            variant=one.variant,
            version=one.version,
            reason=one.reason,
            message=one.message,
        )
        for key, one in replay.pipeline.runs.items()
        if key != FIRST_RUN
    )


def _versions(replay: Replay, records: list[RolloutRecord]) -> Iterator[VersionHistory]:
    first = replay.pipeline.runs[FIRST_RUN].version
    about = {record.to_version: record for record in records}
    for number, version in replay.registry.versions.items():
        record, requests = about.get(number), len(_rows_of(replay, version))
        told: dict[str, Any] = {"version": number, "variant": version.variant, "trained_at": version.created}
        if number == first:
            outcome, why = "served first", ("", "there was nothing to compare it with")
        elif record is None:
            outcome, why = "not rolled out", ("", "the end came first, or a newer version")
        else:
            promoted = record.outcome is Outcome.PROMOTED
            outcome, why = "promoted" if promoted else "refused by the canary", (record.reason, record.message)
        hindsight = _hindsight(replay, version, replay.registry.versions.get(record.from_version)) if record else None
        yield VersionHistory(
            **told, requests=requests, outcome=outcome, reason=why[0], message=why[1], hindsight=hindsight
        )


def _rows_of(replay: Replay, version: Version) -> NDArray[np.intp]:
    if version not in replay.traffic.versions:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(replay.traffic.answered_by == replay.traffic.versions.index(version))


def _hindsight(replay: Replay, version: Version, beside: Version | None) -> Hindsight | None:
    """The version beside another on the rows that it answered; None where there is none that both can answer."""
    rows = _rows_of(replay, version)
    if beside is None or not len(rows):
        return None
    theirs = replay.answers.of(beside, int(rows[0]), int(rows[-1]) + 1)[rows - rows[0]]
    ours, truth = replay.traffic.served[rows], replay.history.truth[rows]
    known = ~np.isnan(ours) & ~np.isnan(theirs) & ~np.isnan(truth)
    return _compared(replay, beside.number, rows[known], ours[known], theirs[known]) if known.any() else None


def _compared(replay: Replay, beside: str, rows: NDArray[np.intp], ours: Any, theirs: Any) -> Hindsight:
    config, truth = replay.config, replay.history.truth[rows]
    values = [score(pd.Series(truth), pd.Series(one), config)[config.metric] for one in (ours, theirs)]
    gain = float(relative_gain(config.metric, *values))
    blocks = blocks_of(replay.history.frame.iloc[rows], config)
    interval = interval_of(Pairs(config.metric, truth, ours, theirs, blocks), gain, CONFIDENCE)
    return Hindsight(
        beside=beside,
        rows=len(rows),
        gain=gain,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        worse=interval is not None and interval.high < 0,
    )
