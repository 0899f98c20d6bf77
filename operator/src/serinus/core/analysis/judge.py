"""From evidence to verdicts.

Fail: the evidence of harm, or that a limit is exceeded, has reached the level of one test. Pass: the evidence that the
candidate is not worse by the margin has reached 1/alpha and still holds. With a margin of 0 only a candidate that is
better than stable can pass. A limit (`max`) can fail a candidate and is not asked for passing. Without requests there
is no verdict, ever.
"""

from collections.abc import Callable
from typing import assert_never

from serinus.core.analysis import availability, judge_answers, judge_quality, judge_query, messages, reasons
from serinus.core.analysis.answers import Answers
from serinus.core.analysis.availability import Availability
from serinus.core.analysis.compared import Compared
from serinus.core.analysis.evidence import Evidence, State
from serinus.core.analysis.quality import Quality
from serinus.core.analysis.query import Query
from serinus.core.analysis.verdict import Finding, SignalVerdict, Verdict
from serinus.core.analysis.wealth import rejects, strength
from serinus.core.spec.duration import format_duration
from serinus.core.spec.signals import ErrorsSignal


def judge(evidence: Evidence) -> tuple[SignalVerdict, ...]:
    """One verdict on each signal, in the order of the spec; availability comes last if it was not declared."""
    return tuple(_judge(state, evidence) for state in evidence.signals)


def _judge(state: State, evidence: Evidence) -> SignalVerdict:
    (verdict, reason, message), numbers = _finding(state, evidence)
    signal = state.signal
    return SignalVerdict(signal.name, signal.type, verdict, signal.required, reason, message, numbers)


def _finding(state: State, evidence: Evidence) -> tuple[Finding, dict[str, float]]:
    level = evidence.alpha_of_one_test
    match state:
        case Availability():
            return _availability(state, evidence), _availability_numbers(state, evidence)
        case Compared():
            return _compared(state, evidence), _compared_numbers(state, evidence)
        case Quality():
            return judge_quality.finding(state, level, evidence.alpha), judge_quality.numbers(
                state, level, evidence.alpha
            )
        case Answers():
            return judge_answers.finding(state), judge_answers.numbers(state)
        case Query():
            return judge_query.finding(state), judge_query.numbers(state)
        case _:
            assert_never(state)


def _compared(state: Compared, evidence: Evidence) -> Finding:
    checks: tuple[Callable[[Compared, Evidence], Finding | None], ...] = (
        _increased,
        _too_high,
        _unreadable,
        _no_requests,
        _not_increased,
    )
    findings = (check(state, evidence) for check in checks)
    return next((finding for finding in findings if finding), _not_enough(state, evidence))


def _increased(state: Compared, evidence: Evidence) -> Finding | None:
    harm, alpha = state.difference.harm, evidence.alpha_of_one_test
    if not rejects(harm, alpha):
        return None
    reason = reasons.ERRORS_INCREASED if isinstance(state.signal, ErrorsSignal) else reasons.LATENCY_INCREASED
    worse = f"{messages.points(state.signal.max_increase)} {'apart' if state.signal.max_increase else 'than stable'}"
    return Verdict.FAIL, reason, f"{_rates(state)}; {worse}: {messages.evidence(strength(harm, alpha), alpha)}"


def _too_high(state: Compared, evidence: Evidence) -> Finding | None:
    limit, alpha = state.signal.max, evidence.alpha_of_one_test
    if limit is None or not rejects(state.ceiling, alpha):
        return None
    reason = reasons.ERRORS_TOO_HIGH if isinstance(state.signal, ErrorsSignal) else reasons.LATENCY_TOO_HIGH
    odds = messages.evidence(strength(state.ceiling, alpha), alpha)
    return Verdict.FAIL, reason, f"{_rates(state)}; above the limit of {messages.percent(limit)}: {odds}"


def _unreadable(state: Compared, evidence: Evidence) -> Finding | None:
    return (Verdict.ERROR, reasons.LATENCY_EDGE_MISSING, state.problem) if state.problem else None


def _no_requests(state: Compared, evidence: Evidence) -> Finding | None:
    if state.tally.candidate.total:
        return None
    warming = not isinstance(state.signal, ErrorsSignal) and evidence.candidate_requests
    message = (
        f"the candidate's requests so far fell into the warm-up of {format_duration(state.signal.warmup)}"
        if warming and not isinstance(state.signal, ErrorsSignal)
        else "the candidate has had no requests yet"
    )
    return Verdict.INCONCLUSIVE, reasons.NO_REQUESTS, message


def _not_increased(state: Compared, evidence: Evidence) -> Finding | None:
    safety, alpha = state.difference.safety, evidence.alpha
    if not rejects(safety, alpha):
        return None
    errors = isinstance(state.signal, ErrorsSignal)
    reason = reasons.ERRORS_NOT_INCREASED if errors else reasons.LATENCY_NOT_INCREASED
    less = (
        f"not {messages.points(state.signal.max_increase)} apart" if state.signal.max_increase else "fewer than stable"
    )
    return Verdict.PASS, reason, f"{_rates(state)}; {less}: {messages.evidence(strength(safety, alpha), alpha)}"


def _not_enough(state: Compared, evidence: Evidence) -> Finding:
    if not state.tally.stable.total:
        return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, f"{_rates(state)}; stable had no requests to compare with"
    alpha = evidence.alpha
    odds = messages.evidence(strength(state.difference.safety, alpha), alpha)
    return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, f"{_rates(state)}; no harm shown, to pass: {odds}"


def _rates(state: Compared) -> str:
    if isinstance(state.signal, ErrorsSignal):
        return messages.compared("failed", state.tally)
    return messages.compared(f"took longer than {format_duration(state.signal.threshold)} for", state.tally)


def _compared_numbers(state: Compared, evidence: Evidence) -> dict[str, float]:
    level, tally, difference = evidence.alpha_of_one_test, state.tally, state.difference
    harm = strength(difference.harm, level)
    if state.signal.max is not None:
        harm = max(harm, strength(state.ceiling, level))
    return {
        "candidateBad": tally.candidate.bad,
        "candidateTotal": tally.candidate.total,
        "stableBad": tally.stable.bad,
        "stableTotal": tally.stable.total,
        "harmEvidence": messages.odds(harm),
        "harmNeeded": 1 / level,
        "safetyEvidence": messages.odds(strength(difference.safety, evidence.alpha)),
        "safetyNeeded": 1 / evidence.alpha,
    }


def _availability(state: Availability, evidence: Evidence) -> Finding:
    """Pass is an observation, not an estimate: the candidate has had requests and was up at the latest looks."""
    alpha, tally = evidence.alpha_of_one_test, state.tally
    if rejects(state.difference.harm, alpha):
        faults = f"candidate restarted or was unready in {messages.share(tally.candidate)} intervals"
        odds = messages.evidence(strength(state.difference.harm, alpha), alpha)
        message = f"{faults}, stable in {messages.share(tally.stable)}: {odds}"
        return Verdict.FAIL, reasons.CANDIDATE_UNAVAILABLE, message
    if rejects(state.share, alpha):
        return Verdict.FAIL, reasons.TRAFFIC_SHARE_TOO_LOW, _share_message(state, alpha)
    requests = f"{evidence.candidate_requests:,} requests"
    up = f"candidate was up in the latest {state.ready_intervals:,} intervals and has had {requests}"
    if state.ready_intervals >= availability.READY_INTERVALS and evidence.candidate_requests:
        return Verdict.PASS, reasons.CANDIDATE_AVAILABLE, up
    reason = reasons.NOT_ENOUGH_DATA if evidence.candidate_requests else reasons.NO_REQUESTS
    return Verdict.INCONCLUSIVE, reason, f"{up}; needs {availability.READY_INTERVALS} intervals and some request"


def _share_message(state: Availability, alpha: float) -> str:
    arrived = state.elsewhere.total - state.elsewhere.bad
    odds = messages.evidence(strength(state.share, alpha), alpha)
    return (
        f"{arrived:,} requests reached the candidate, by its weight it should be {state.expected:,.0f}; "
        f"less than {messages.percent(state.signal.min_share)} of its share: {odds}"
    )


def _availability_numbers(state: Availability, evidence: Evidence) -> dict[str, float]:
    level, tally = evidence.alpha_of_one_test, state.tally
    return {
        "candidateBad": tally.candidate.bad,
        "candidateTotal": tally.candidate.total,
        "stableBad": tally.stable.bad,
        "stableTotal": tally.stable.total,
        "harmEvidence": messages.odds(max(strength(state.difference.harm, level), strength(state.share, level))),
        "harmNeeded": 1 / level,
        "readyIntervals": state.ready_intervals,
        "requestsArrived": state.elsewhere.total - state.elsewhere.bad,
        "requestsExpected": state.expected,
    }
