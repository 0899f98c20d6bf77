"""The verdict on drift of the candidate's answers. An alarm must be large, and more than chance explains."""

from serinus.core.analysis import messages, reasons
from serinus.core.analysis.answers import Answers, Divergence
from serinus.core.analysis.verdict import Finding, Verdict


def finding(state: Answers) -> Finding:
    """The first rule that speaks: what cannot be known comes before what was seen."""
    if state.problem:
        return Verdict.ERROR, state.problem.reason, state.problem.message
    if not state.candidate_rows:
        return Verdict.INCONCLUSIVE, reasons.NO_REQUESTS, "the candidate has given no answer yet at its present share"
    if not state.enough or state.seen is None:
        counted = (
            f"{messages.rows(state.candidate_rows, 'answer')} of the candidate and {state.stable_rows:,.0f} of stable"
        )
        message = f"{counted} at its present share, and {state.signal.min_samples:,} of each are needed to judge"
        return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, message
    return _seen(state, state.seen)


def numbers(state: Answers) -> dict[str, float]:
    """Rows of both at the present share; of the latest look `psi`, `tvd`, and the `bound` of what chance explains."""
    rows = {"candidateRows": state.candidate_rows, "stableRows": state.stable_rows, "looks": float(state.looks)}
    return rows | (state.seen.model_dump() if state.seen else {}) | {"alarm": state.signal.psi}


def _seen(state: Answers, seen: Divergence) -> Finding:
    large, certain = seen.psi >= state.signal.psi, seen.psi > seen.bound
    moved = (
        f"{messages.percent(seen.tvd)} of {messages.rows(state.candidate_rows, 'answer')} in other bins than stable's"
    )
    told = f"PSI {seen.psi:.3g}, {moved}; chance explains {seen.bound:.2g}"
    if large and certain:
        message = (
            f"the candidate answers otherwise than stable on the same traffic: {told}, {state.signal.psi:g} is an alarm"
        )
        return Verdict.FAIL, reasons.CANDIDATE_DRIFTED, message
    if large:
        return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, f"{told} in samples so small; it takes more requests"
    return Verdict.PASS, reasons.SMALL_DRIFT if certain else reasons.NO_DRIFT, told
