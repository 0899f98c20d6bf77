"""Quality: the loss of the candidate against stable's, on rows whose labels have come.

A row is judged when it is old enough and most rows of its time have their labels: labels that come fast are not like the
others (a flight that is not late lands early). Which cohort is judged, and when, depends on ages and counts alone, never on
what the labels say; so the evidence stays valid. A cohort is judged once, with the labels it has then.

A comparison that comes to be paired in mid-rollout begins nothing anew: each cohort's bet is valid either way, and a test that
begins again has another chance to be wrong.

Within a cohort rows need not be independent: one cause, a storm or a wrong import of labels, is behind many of them. So the
wealth without the best cohort must support a verdict too, as with intervals of requests (wealth.py).
"""

import math
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from serinus.core.analysis import mean_bets, wealth
from serinus.core.analysis.trouble import Trouble, trouble
from serinus.core.analysis.wealth import Wealth
from serinus.core.model import Frozen
from serinus.core.observation import Problem
from serinus.core.quality import ComparedCohort, Comparison
from serinus.core.spec.signals import QualitySignal

COHORTS = 24  # in the time that a rollout has for judging: enough that one more or less makes no difference
OF_HORIZON = 4  # a row waits a quarter of the horizon longer at most, until its cohort is over
REMEMBERED = 64  # cohorts; of what is older than the oldest of them, nothing is judged any more


class Backlog(Frozen):
    """Rows that are not judged: `young` ones, and old ones of which `labelled` have their label."""

    young: int = 0
    old: int = 0
    labelled: int = 0


class Quality(Frozen):
    """The evidence on quality.

    `since`: the first cohort that is judged begins then. `judged`: when the cohorts began that were, the latest ones.
    `rows`, `labelled` and sums of losses are of the cohorts judged; `differences` as in ComparedCohort. `lower`, `upper`:
    the interval of the mean difference. `not_paired`: why the rows are not paired, empty while they are.
    """

    kind: Literal["Quality"] = "Quality"
    signal: QualitySignal
    since: datetime
    judged: tuple[datetime, ...] = ()
    rows: int = 0
    labelled: int = 0
    candidate_loss: float = 0.0
    stable_loss: float = 0.0
    differences: dict[int, int] = Field(default_factory=dict)
    harm: Wealth = mean_bets.START
    safety: Wealth = mean_bets.START
    lower: float
    upper: float
    backlog: Backlog = Backlog()
    not_paired: str = ""
    problem: Trouble | None = None

    @property
    def tests(self) -> int:
        """How many tests can fail the candidate."""
        return 1

    @property
    def margin(self) -> float:
        """The margin in units of the bound."""
        return self.signal.max_increase / self.signal.bound


def cohort_length(signal: QualitySignal, deadline: timedelta, interval: timedelta) -> timedelta:
    """How long a cohort lasts, in whole seconds: of a rollout that may last for `deadline` and is looked at each `interval`.

    With a horizon of 6h and a deadline of 24h it is 45m: a 24th of the 18h in which rows can become old enough.
    """
    judging = deadline - signal.label_horizon
    length = signal.label_horizon / OF_HORIZON
    if judging > timedelta():
        length = min(length, judging / COHORTS)
    return timedelta(seconds=math.ceil(max(length, interval).total_seconds()))


def begin(signal: QualitySignal, since: datetime) -> Quality:
    """No evidence yet."""
    return Quality(signal=signal, since=since, lower=-signal.bound, upper=signal.bound)


def update(state: Quality, answer: Comparison | Problem | None, alpha: float) -> Quality:
    """The evidence after the collector's answer; None where it was not asked. `alpha` is the level of passing."""
    if answer is None:
        return state
    if isinstance(answer, Problem):
        return state.model_copy(update={"problem": trouble(answer)})
    known = state
    for cohort in sorted(answer.cohorts, key=lambda one: one.start):
        if _is_open(state, cohort) and _is_old(state.signal, cohort, answer.at) and _is_labelled(state.signal, cohort):
            state = _judged(state, cohort, alpha)
    told = {"backlog": _backlog(state, answer), "problem": None, "not_paired": _why_not_paired(answer)}
    state = state.model_copy(update=told)
    return state if state.judged == known.judged else _forget(_measured(state, alpha))


def _is_open(state: Quality, cohort: ComparedCohort) -> bool:
    return cohort.start >= state.since and cohort.start not in state.judged


def _is_old(signal: QualitySignal, cohort: ComparedCohort, at: datetime) -> bool:
    return at - cohort.end >= signal.label_horizon


def _is_labelled(signal: QualitySignal, cohort: ComparedCohort) -> bool:
    return bool(cohort.differences) and cohort.labelled >= signal.min_labelled * cohort.rows


def _judged(state: Quality, cohort: ComparedCohort, alpha: float) -> Quality:
    rows = cohort.differences
    harm = wealth.grow(state.harm, mean_bets.harm_factors(rows, state.margin), mean_bets.START.full)
    safety = wealth.grow(state.safety, mean_bets.safety_factors(rows, state.margin), mean_bets.START.full)
    return state.model_copy(
        update={
            "judged": (*state.judged, cohort.start),
            "rows": state.rows + cohort.rows,
            "labelled": state.labelled + cohort.labelled,
            "candidate_loss": state.candidate_loss + cohort.candidate_loss,
            "stable_loss": state.stable_loss + cohort.stable_loss,
            "differences": mean_bets.added(state.differences, rows),
            "harm": harm,
            "safety": wealth.bounded(safety, most=-2 * math.log(alpha)),
        }
    )


def _measured(state: Quality, alpha: float) -> Quality:
    lower, upper = mean_bets.interval(state.differences, alpha)
    bound = state.signal.bound
    return state.model_copy(update={"lower": bound * lower, "upper": bound * upper})


def _backlog(state: Quality, answer: Comparison) -> Backlog:
    waiting = [cohort for cohort in answer.cohorts if _is_open(state, cohort)]
    old = [cohort for cohort in waiting if _is_old(state.signal, cohort, answer.at)]
    rows = sum(cohort.rows for cohort in old)
    young = sum(cohort.rows for cohort in waiting) - rows
    return Backlog(young=young, old=rows, labelled=sum(cohort.labelled for cohort in old))


def _why_not_paired(answer: Comparison) -> str:
    return "" if answer.paired else answer.problem or "the collector does not say why"


def _forget(state: Quality) -> Quality:
    """No more is remembered than what is needed; what is older than that is closed."""
    kept = tuple(sorted(state.judged)[-REMEMBERED:])
    if len(kept) == len(state.judged):
        return state
    return state.model_copy(update={"judged": kept, "since": kept[0]})
