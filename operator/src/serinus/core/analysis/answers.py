"""Drift of the candidate's answers: their distribution against that of stable's over the same time.

Both are random shares of the same requests, so the answers of two models that answer alike differ by chance only. The
measure and its bound are those of monitoring (serinus.core.divergence). Counts grow, so a look is worth its share of alpha
only when there are noticeably more of them: look k spends alpha / (k (k + 1)), which sums to alpha.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from serinus.core.analysis.trouble import Trouble, trouble
from serinus.core.divergence import psi, psi_bound, tvd
from serinus.core.model import Frozen
from serinus.core.observation import BinWindow, Problem
from serinus.core.spec.signals import DriftSignal

NOTICEABLY: Final = 1.1  # times as many rows as at the look before
Windows = tuple[BinWindow, BinWindow]


class Divergence(Frozen):
    """What a look measured: the distance, and what chance explains of it."""

    psi: float
    tvd: float
    bound: float


class Answers(Frozen):
    """The evidence on the candidate's answers. `size`: 1 / (1 / rows + 1 / stable's rows) at the latest look."""

    kind: Literal["Drift"] = "Drift"
    signal: DriftSignal
    since: datetime | None = None
    candidate_rows: float = 0.0
    stable_rows: float = 0.0
    looks: int = 0
    size: float = 0.0
    seen: Divergence | None = None
    problem: Trouble | None = None

    @property
    def tests(self) -> int:
        """How many tests can stop the candidate: a pause that nobody ends is a rejection."""
        return 1

    @property
    def enough(self) -> bool:
        """Whether there are rows enough of both."""
        return min(self.candidate_rows, self.stable_rows) >= max(1, self.signal.min_samples)


def begin(signal: DriftSignal) -> Answers:
    """No evidence yet."""
    return Answers(signal=signal)


def update(state: Answers, windows: Windows | Problem | None, alpha: float) -> Answers:
    """The evidence after a look at candidate's and stable's windows. `alpha` is the level of all looks together."""
    if windows is None:
        return state
    if isinstance(windows, Problem):
        return state.model_copy(update={"problem": trouble(windows)})
    candidate, stable = windows
    state = _counted(state, candidate, stable)
    size = _size(state)
    if not state.enough or size < NOTICEABLY * state.size:
        return state
    seen = measured(stable.answers, candidate.answers, alpha / ((state.looks + 1) * (state.looks + 2)))
    return state.model_copy(update={"looks": state.looks + 1, "size": size, "seen": seen})


def measured(stable: Mapping[str, float], candidate: Mapping[str, float], alpha: float) -> Divergence:
    """The distance of two histograms by bin, neither of them empty, and what it exceeds by chance with probability `alpha`."""
    bins = [one for one in {**stable, **candidate} if stable.get(one) or candidate.get(one)]
    was, now = [stable.get(one, 0.0) for one in bins], [candidate.get(one, 0.0) for one in bins]
    return Divergence(psi=psi(was, now), tvd=tvd(was, now), bound=psi_bound(len(bins), sum(now), sum(was), alpha))


def _counted(state: Answers, candidate: BinWindow, stable: BinWindow) -> Answers:
    """The state with the rows counted; another window begins with another split of the requests, and is judged by itself."""
    begun = min(candidate.since, stable.since)
    anew = {} if state.since == begun else {"size": 0.0, "seen": None}
    rows = {"candidate_rows": sum(candidate.answers.values()), "stable_rows": sum(stable.answers.values())}
    return state.model_copy(update={"since": begun, "problem": None, **anew, **rows})


def _size(state: Answers) -> float:
    rows, others = state.candidate_rows, state.stable_rows
    return rows * others / (rows + others) if rows and others else 0.0
