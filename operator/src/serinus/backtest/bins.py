"""Rows counted into bins by the predictor's own bin classes, as its counters would stand at each look."""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from serinus.backtest.clock import ReplayClock
from serinus.backtest.history import History
from serinus.backtest.traffic import Traffic
from serinus.backtest.versions import Version
from serinus.core.observation import BinWindow
from serinus.core.reference import Reference
from serinus.ports import Key
from serinus.predictor.answers import number_bins, probability_bins
from serinus.predictor.bins import BinCounter, Count
from serinus.predictor.decoding import Batch
from serinus.predictor.schema import NUMERIC

Counts = dict[str, float]


@dataclass(frozen=True)
class Counted:
    """Cumulative counts of one revision when the replay had come to row `position`."""

    position: int
    features: dict[str, Counts]
    prediction: Counts
    answers: Counts


@dataclass
class _Counter:
    bins: BinCounter
    readings: list[Counted]


@dataclass
class ReplayBins:
    """Implements serinus.ports.BinSource. Each row is counted once, when somebody first asks for a later time."""

    clock: ReplayClock
    history: History
    traffic: Traffic
    _counters: dict[str, _Counter] = field(default_factory=dict)

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        """What `revision` has answered from `since` until now."""
        version, now = self.traffic.revisions.get(revision), self.clock.now()
        if version is None:
            return BinWindow(revision, since, now)
        position = self.history.before(since)
        counter = self._counters.setdefault(revision, _Counter(_empty(version), []))
        before, after = self._reading(counter, revision, position), self._reading(counter, revision, None)
        reference = version.reference
        return BinWindow(
            revision=revision,
            since=since,
            until=now,
            features={name: _less(counts, before.features[name]) for name, counts in after.features.items()},
            prediction=_less(after.prediction, before.prediction),
            answers=_less(after.answers, before.answers),
            reference={feature.name: dict(feature.counts) for feature in reference.features},
            reference_prediction=dict(reference.prediction.counts),
        )

    def _reading(self, counter: _Counter, revision: str, position: int | None) -> Counted:
        """The counts at row `position`, or at the latest row. The past is counted anew from the reading before it."""
        wanted = self.traffic.position if position is None else min(position, self.traffic.position)
        latest = counter.readings[-1].position if counter.readings else 0
        if wanted >= latest:
            self._count(counter.bins, revision, latest, wanted)
            reading = _read(counter.bins, wanted)
            if wanted > latest or not counter.readings:
                counter.readings.append(reading)
            return reading
        base = next((one for one in reversed(counter.readings) if one.position <= wanted), None)
        bins = _empty(self.traffic.revisions[revision])
        self._count(bins, revision, base.position if base else 0, wanted)
        return _added(_read(bins, wanted), base)

    def _count(self, bins: BinCounter, revision: str, first: int, last: int) -> None:
        version = self.traffic.revisions[revision]
        mine = self.traffic.answered_by[first:last] == self.traffic.versions.index(version)
        rows = np.flatnonzero(mine) + first
        rows = rows[~np.isnan(self.traffic.served[rows])]
        if len(rows):
            bins.observe(batch_of(self.history.frame.iloc[rows], version.reference), self.traffic.served[rows])


def batch_of(rows: pd.DataFrame, reference: Reference) -> Batch:
    """The rows as the predictor decodes them: numbers as floats, None for another value that is missing."""
    numbers = [rows[f.name].to_numpy(np.float64, na_value=np.nan) for f in reference.features if f.type in NUMERIC]
    others = [_objects(rows[f.name]) for f in reference.features if f.type not in NUMERIC]
    return Batch(len(rows), np.array(numbers).reshape(len(numbers), len(rows)), tuple(others))


def _objects(column: "pd.Series[float]") -> list[object]:
    values: NDArray[np.object_] = column.astype(object).to_numpy()
    return np.where(column.isna(), None, values).tolist()  # type: ignore[call-overload,no-any-return]


def _empty(version: Version) -> BinCounter:
    """Counters at zero, as the predictor of `version` begins with."""
    proba = version.reference.prediction.method == "predict_proba"
    return BinCounter(version.reference, probability_bins() if proba else number_bins())


def _read(bins: BinCounter, position: int) -> Counted:
    return Counted(
        position,
        {name: _as_counts(counts) for name, counts in bins.features()},
        _as_counts(bins.predictions()),
        _as_counts(bins.answers()),
    )


def _as_counts(counts: list[Count]) -> Counts:
    return {name: float(count) for name, count in counts}


def _less(after: Counts, before: Counts) -> Counts:
    return {name: count - before.get(name, 0.0) for name, count in after.items()}


def _more(one: Counts, other: Counts) -> Counts:
    return {name: count + other.get(name, 0.0) for name, count in one.items()}


def _added(reading: Counted, base: Counted | None) -> Counted:
    if base is None:
        return reading
    return Counted(
        reading.position,
        {name: _more(counts, base.features[name]) for name, counts in reading.features.items()},
        _more(reading.prediction, base.prediction),
        _more(reading.answers, base.answers),
    )
