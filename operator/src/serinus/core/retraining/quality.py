"""Whether the loss of what serves has grown, by a sequential test that is valid at every look.

The first mature labelled rows of the serving revision, at least BASELINE_ROWS, are the baseline. Of their mean loss (as a
share of the bound, so in 0..1) the upper confidence limit is taken once, at half of alpha: the largest r with
n KL(mean || r) <= log(2/alpha) (Hoeffding, Probability inequalities for sums of bounded random variables, 1963, theorem 1,
which holds for every variable in 0..1, not for coins alone).

All later cohorts are tested against "the mean is at most that limit plus maxIncrease", at the other half of alpha, by a
mixture of bets (serinus.core.analysis.wealth). A cohort with loss L of n rows multiplies a bet on q by
(q/r)^L ((1-q)/(1-r))^(n-L). Its expectation is at most 1 wherever the mean is at most r < q: a row's factor is convex in
its loss, so a coin of the same mean is the worst case. So a model that has not become worse is trained anew for its
quality with probability at most alpha, however often it is looked at. Sums alone are known of a cohort, no variance, which
costs power: losses that vary little need more rows than a test that knew it.
"""

import math
from datetime import timedelta
from typing import Final

from serinus.core.analysis import wealth
from serinus.core.analysis.base_rate import CERTAIN
from serinus.core.analysis.bets import times_odds
from serinus.core.quality import Watched, WatchedCohort
from serinus.core.retraining.state import QualityWatch
from serinus.core.spec import QualityTrigger

ALPHA: Final = 0.05
BASELINE_ROWS: Final = 1000
ODDS: Final = (1.1, 1.3, 1.8, 4.0)
START: Final = wealth.stake((2.0, 3.0, 2.0, 1.0), idle=0.2)
HALVINGS: Final = 60
LEAST_COHORT, LONGEST_COHORT = timedelta(minutes=1), timedelta(hours=6)
KEPT_ROWS: Final = 4 * BASELINE_ROWS  # that the mean of the latest rows is told of


def cohort_length(trigger: QualityTrigger) -> timedelta:
    """A quarter of the horizon, so that a cohort's rows are about equally old."""
    return min(max(trigger.label_horizon / 4, LEAST_COHORT), LONGEST_COHORT)


def upper_limit(loss: float, rows: int, alpha: float) -> float:
    """The largest mean in 0..1 that `loss` in `rows` rows does not speak against at level `alpha`."""
    mean, needed = loss / rows, -math.log(alpha) / rows
    low, high = mean, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _divergence(mean, middle) <= needed else (low, middle)
    return high


def folded(watch: QualityWatch, answer: Watched, trigger: QualityTrigger) -> QualityWatch:
    """The test with every cohort that has become mature, oldest first."""
    for cohort in sorted(answer.cohorts, key=lambda one: one.start):
        if cohort.start < watch.folded_until:
            continue
        age = answer.at - cohort.end
        if age < trigger.label_horizon:
            break
        if cohort.labelled and cohort.labelled >= trigger.min_labelled * cohort.rows:
            watch = _with_cohort(watch, cohort, trigger)
        elif age < 2 * trigger.label_horizon:
            break  # its labels may still come; later they are given up
        watch = watch.model_copy(update={"folded_until": cohort.end})
    return watch


def acceptable(watch: QualityWatch, trigger: QualityTrigger) -> float:
    """The largest mean loss, as a share of the bound, that is no reason to train; 1 where nothing ever is."""
    limit = upper_limit(watch.baseline_loss, watch.baseline_rows, ALPHA / 2) if watch.baseline_rows else 1.0
    return min(limit + trigger.max_increase / trigger.bound, 1.0)


def has_grown(watch: QualityWatch) -> bool:
    """Whether the hypothesis that the loss has not grown too much is rejected."""
    return wealth.rejects(watch.wealth, ALPHA / 2)


def sentence(watch: QualityWatch, trigger: QualityTrigger) -> str:
    """The numbers, for people."""
    bound = trigger.bound
    if watch.baseline_rows < BASELINE_ROWS:
        return f"{watch.baseline_rows:,} of the {BASELINE_ROWS:,} labelled rows of the baseline are in"
    first = watch.baseline_loss / watch.baseline_rows * bound
    latest = f"{watch.loss / watch.rows * bound:.4f}" if watch.rows else "not known yet"
    return (
        f"the mean {trigger.metric} of the latest labelled rows is {latest}, of the first {watch.baseline_rows:,} it was "
        f"{first:.4f}; more than {acceptable(watch, trigger) * bound:.4f} is too much"
    )


def _with_cohort(watch: QualityWatch, cohort: WatchedCohort, trigger: QualityTrigger) -> QualityWatch:
    loss = min(max(cohort.loss / trigger.bound, 0.0), float(cohort.labelled))
    if watch.baseline_rows < BASELINE_ROWS:
        rows, total = watch.baseline_rows + cohort.labelled, watch.baseline_loss + loss
        return watch.model_copy(update={"baseline_rows": rows, "baseline_loss": total})
    kept = 0.5 if watch.rows > KEPT_ROWS else 1.0
    counted = {"rows": kept * watch.rows + cohort.labelled, "loss": kept * watch.loss + loss}
    return watch.model_copy(update={**counted, "wealth": _bet(watch, loss, cohort.labelled, trigger)})


def _bet(watch: QualityWatch, loss: float, rows: int, trigger: QualityTrigger) -> wealth.Wealth:
    """Kept at most 1/alpha^2, so that a loss that falls again is believed."""
    r = max(acceptable(watch, trigger), CERTAIN)
    if r >= 1 - CERTAIN:
        return watch.wealth
    factors = [
        loss * math.log(q / r) + (rows - loss) * math.log((1 - q) / (1 - r))
        for q in (times_odds(r, odds) for odds in ODDS)
    ]
    return wealth.bounded(wealth.grow(watch.wealth, factors, START.full), most=-2 * math.log(ALPHA / 2))


def _divergence(p: float, r: float) -> float:
    """KL(p || r) of two coins."""
    if r >= 1:
        return 0.0 if p >= 1 else math.inf
    bad = p * math.log(p / r) if p > 0 else 0.0
    return bad + ((1 - p) * math.log((1 - p) / (1 - r)) if p < 1 else 0.0)
