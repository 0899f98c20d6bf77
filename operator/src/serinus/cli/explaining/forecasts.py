"""How long a signal may still take: an estimate, from its evidence so far and the traffic of late.

Evidence of no harm grows on average by the Kullback-Leibler divergence with each request of a candidate that is as good
as stable (see serinus.lint.forecast), so what is missing is the logarithm of what is still needed over that.
"""

from datetime import timedelta
from math import exp, inf

from serinus.cli.explaining.seen import rough
from serinus.core.analysis import SignalVerdict
from serinus.core.analysis.compared import Compared
from serinus.core.analysis.mean_bets import mean, spread
from serinus.core.analysis.quality import Quality
from serinus.core.state import EvidencePoint, Rollout
from serinus.lint.forecast import requests_until_verdict
from serinus.lint.labels import MIXING, rows_until_verdict

LATE_POINTS = 6
LEAST_DIGITS = 2


def outlook(rollout: Rollout, verdict: SignalVerdict) -> str:
    """` (about 420 more candidate requests, about 5m at the traffic of late)`, or nothing where no estimate holds."""
    rows = rows_left(rollout, verdict)
    if rows is not None:
        return f" (about {rows:,} more labelled rows)"
    requests = requests_left(rollout, verdict)
    if requests is None:
        return ""
    per_minute = requests_per_minute(rollout.curve)
    time = f", about {rough(timedelta(minutes=requests / per_minute))} at the traffic of late" if per_minute else ""
    return f" (about {requests:,} more candidate requests{time})"


def requests_left(rollout: Rollout, verdict: SignalVerdict) -> int | None:
    """Candidate requests until the signal passes if the candidate is as good as stable; None where that is unknown."""
    state = next((one for one in rollout.evidence.signals if one.signal.name == verdict.name), None)
    needed, reached = verdict.numbers.get("safetyNeeded", 0.0), verdict.numbers.get("safetyEvidence", 0.0)
    if not isinstance(state, Compared) or not 0 < reached < needed:
        return None
    stable, candidate = state.tally.stable, state.tally.candidate
    if not stable.total or candidate.rate - stable.rate >= state.signal.max_increase:
        return None
    base = (stable.bad + 0.5) / (stable.total + 1)
    left = requests_until_verdict(state.signal.max_increase, reached / needed, base)
    return None if left == inf else rounded(left)


def rows_left(rollout: Rollout, verdict: SignalVerdict) -> int | None:
    """Labelled rows until a Quality signal passes if the candidate is as good as stable; None where that is unknown."""
    state = next((one for one in rollout.evidence.signals if one.signal.name == verdict.name), None)
    needed, reached = verdict.numbers.get("safetyNeeded", 0.0), verdict.numbers.get("safetyEvidence", 0.0)
    if not isinstance(state, Quality) or not state.differences or not 0 < reached < needed:
        return None
    if mean(state.differences) >= state.margin:
        return None
    left = rows_until_verdict(state.margin, exp(MIXING) * reached / needed, spread(state.differences))
    return None if left == inf else rounded(max(1, left))


def requests_per_minute(curve: tuple[EvidencePoint, ...]) -> float:
    """Of the candidate at its present weight, over the latest points of the curve; 0 where that is not known."""
    late = [one for one in curve[-LATE_POINTS:] if (one.weight, one.mirror) == (curve[-1].weight, curve[-1].mirror)]
    if len(late) < 2:
        return 0.0
    minutes = (late[-1].at - late[0].at) / timedelta(minutes=1)
    return (late[-1].candidate_requests - late[0].candidate_requests) / minutes if minutes > 0 else 0.0


def rounded(number: float) -> int:
    """To two digits: an estimate should not look like more."""
    digits = len(str(int(number)))
    return max(1, round(number, min(0, LEAST_DIGITS - digits)).__int__())
