"""Rows by bin within a window, exactly as the samples of Prometheus say: differences of counters, not extrapolated.

PromQL's increase() stretches what it saw over the whole window, and does not see what a process counted before its first scrape.
Here the counters of each process are read at their last sample, less what they said at the window's start.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from serinus.adapters.prometheus_api import PrometheusApi, Series
from serinus.adapters.prometheus_finding import PART, matching, quoted, together
from serinus.adapters.prometheus_lives import MOST_LIVES, Life, Window, lives
from serinus.core.errors import MetricsUnavailable, QueryInvalid
from serinus.core.observation import BinWindow
from serinus.ports import Clock, Key

FEATURES, PREDICTIONS, ANSWERS = "serinus_feature_bin_total", "serinus_prediction_bin_total", "serinus_answer_bin_total"
REFERENCE, REFERENCE_PREDICTION = "serinus_reference_rows", "serinus_reference_prediction_rows"
MARKER: Final = "serinus_requests_total"  # every predictor shows it, whatever it counts
READINGS_AT_ONCE: Final = 40

Counts = dict[str, dict[str, float]]
"""Rows by feature (empty for the prediction) and bin."""


class PrometheusBins:
    """Implements serinus.ports.BinSource."""

    def __init__(self, api: PrometheusApi, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def window(self, key: Key, revision: str, since: datetime) -> BinWindow:
        """What Prometheus saw counted from `since` until now. Raises MetricsUnavailable."""
        until = self._clock.now()
        of_revision = f"deployment={quoted(str(key))}, revision={quoted(revision)}"
        window = Window(since.timestamp(), until.timestamp())
        try:
            found = await lives(self._api, f"{MARKER}{{{of_revision}}}", window)
            counted = await self._counted(of_revision, found)
            reference = await self._reference(of_revision, window)
        except QueryInvalid as error:
            raise MetricsUnavailable(f"{error}; this Prometheus does not understand what Serinus asks it") from error
        return BinWindow(
            revision=revision,
            since=since if len(found) < MOST_LIVES else datetime.fromtimestamp(found[-1].last, UTC),
            until=until,
            features=counted[FEATURES],
            prediction=counted[PREDICTIONS].get("", {}),
            answers=counted[ANSWERS].get("", {}),
            reference=reference[REFERENCE],
            reference_prediction=reference[REFERENCE_PREDICTION].get("", {}),
        )

    async def _counted(self, of_revision: str, found: Sequence[Life]) -> Mapping[str, Counts]:
        """Rows by metric: what each life's counters said last, less what they said before the window."""
        counted: Mapping[str, Counts] = {FEATURES: {}, PREDICTIONS: {}, ANSWERS: {}}
        readings = [
            *((1, life.last, life) for life in found),
            *((-1, life.first, life) for life in found if life.first),
        ]
        grouped: dict[tuple[int, float], list[Life]] = defaultdict(list)
        for sign, time, life in readings:
            grouped[sign, time].append(life)
        moments = sorted(grouped.items(), key=lambda one: one[0])
        for begin in range(0, len(moments), READINGS_AT_ONCE):
            asked = {
                f"{metric} {sign} {place}": _read_at(metric, of_revision, time, of_them)
                for place, ((sign, time), of_them) in enumerate(moments[begin : begin + READINGS_AT_ONCE])
                for metric in counted
            }
            for row in (await self._api.ask(together(asked))).series:
                metric, sign_, _ = row.labels[PART].split()
                _add(counted[metric], row, int(sign_))
        return counted

    async def _reference(self, of_revision: str, window: Window) -> Mapping[str, Counts]:
        """Every pod tells the same."""
        reference: Mapping[str, Counts] = {REFERENCE: {}, REFERENCE_PREDICTION: {}}
        asked = {
            metric: f"max by (feature, bin) (last_over_time({metric}{{{of_revision}}}{window.range}))"
            for metric in reference
        }
        for row in (await self._api.ask(together(asked), datetime.fromtimestamp(window.until, UTC))).series:
            _add(reference[row.labels[PART]], row, 1)
        return reference


def _read_at(metric: str, of_revision: str, time: float, of_them: Iterable[Life]) -> str:
    by_job: dict[str, list[str]] = defaultdict(list)
    for life in of_them:
        job, instance = life.target
        by_job[job].append(re.escape(instance))
    selectors = (
        f"{metric}{{{of_revision}, job={quoted(job)}, {matching('instance', instances)}}} @ {time:.3f}"
        for job, instances in sorted(by_job.items())
    )
    return f"sum by (feature, bin) ({' or '.join(selectors)})"


def _add(counts: Counts, row: Series, sign: int) -> None:
    if not isfinite(row.value):
        raise MetricsUnavailable(
            f"a bin of {row.labels.get('feature') or 'the prediction'} has counted {row.value}; see its pods"
        )
    bins = counts.setdefault(row.labels.get("feature", ""), {})
    name = row.labels.get("bin", "")
    bins[name] = bins.get(name, 0) + sign * row.value
