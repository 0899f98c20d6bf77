"""The verdict on quality. Without labels there is none, ever: no news of a model is no good news."""

from collections.abc import Callable, Mapping
from typing import Final

from serinus.core.analysis import mean_bets, messages, reasons
from serinus.core.analysis.quality import Quality
from serinus.core.analysis.verdict import Finding, Verdict
from serinus.core.analysis.wealth import rejects, strength
from serinus.core.quality import Loss
from serinus.core.spec.duration import format_duration

LOSSES: Final[Mapping[Loss, str]] = {
    "brier": "Brier score",
    "logLoss": "log loss",
    "absoluteError": "absolute error",
    "squaredError": "squared error",
}


def finding(state: Quality, level: float, alpha: float) -> Finding:
    """The first check that speaks. `level` is that of failing, `alpha` that of passing."""
    checks: tuple[Callable[[Quality, float, float], Finding | None], ...] = (_worse, _not_asked, _no_labels, _not_worse)
    findings = (check(state, level, alpha) for check in checks)
    return next((found for found in findings if found), None) or _not_enough(state, alpha)


def numbers(state: Quality, level: float, alpha: float) -> dict[str, float]:
    """`rows` and `labelled` of those old enough, `judged` of them; mean losses; evidence as odds; the interval.

    `spread` is the standard deviation of the difference of two losses, on which the time to a verdict depends.
    """
    known = {
        "rows": float(state.rows + state.backlog.old),
        "labelled": float(state.labelled + state.backlog.labelled),
        "judged": float(sum(state.differences.values())),
        "harmEvidence": messages.odds(strength(state.harm, level)),
        "harmNeeded": 1 / level,
        "safetyEvidence": messages.odds(strength(state.safety, alpha)),
        "safetyNeeded": 1 / alpha,
    }
    if not state.labelled:
        return known
    return known | {
        "candidateLoss": state.candidate_loss / state.labelled,
        "stableLoss": state.stable_loss / state.labelled,
        "lower": state.lower,
        "upper": state.upper,
        "spread": state.signal.bound * mean_bets.spread(state.differences),
    }


def _worse(state: Quality, level: float, alpha: float) -> Finding | None:
    if not rejects(state.harm, level):
        return None
    margin = f"worse by more than {state.signal.max_increase:g}" if state.signal.max_increase else "worse"
    odds = messages.evidence(strength(state.harm, level), level)
    return Verdict.FAIL, reasons.QUALITY_DECREASED, f"{_losses(state)}; {margin}: {odds}{_note(state)}"


def _not_asked(state: Quality, level: float, alpha: float) -> Finding | None:
    return (Verdict.ERROR, state.problem.reason, state.problem.message) if state.problem else None


def _no_labels(state: Quality, level: float, alpha: float) -> Finding | None:
    if state.labelled:
        return None
    backlog, horizon = state.backlog, format_duration(state.signal.label_horizon)
    if backlog.old:
        return Verdict.INCONCLUSIVE, reasons.LABELS_MISSING, f"{_missing(state)}{_note(state)}"
    if backlog.young:
        message = f"{messages.rows(backlog.young)} were answered, none before {horizon} ago (labelHorizon); they are judged then"
        return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, f"{message}{_note(state)}"
    message = f"the collector has no row that candidate and stable can be compared on{_note(state)}"
    return Verdict.INCONCLUSIVE, reasons.NO_REQUESTS, message


def _not_worse(state: Quality, level: float, alpha: float) -> Finding | None:
    if not rejects(state.safety, alpha):
        return None
    margin = f"not worse by {state.signal.max_increase:g}" if state.signal.max_increase else "better"
    odds = messages.evidence(strength(state.safety, alpha), alpha)
    return Verdict.PASS, reasons.QUALITY_NOT_DECREASED, f"{_losses(state)}; {margin}: {odds}{_note(state)}"


def _not_enough(state: Quality, alpha: float) -> Finding:
    odds = messages.evidence(strength(state.safety, alpha), alpha)
    waiting = f"; {_missing(state)}" if state.backlog.old else ""
    message = f"{_losses(state)}; no harm shown, to pass: {odds}{waiting}{_note(state)}"
    return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, message


def _missing(state: Quality) -> str:
    """`412 of 5,000 rows older than 6h have labels (8 %), 80 % are needed`."""
    backlog, signal = state.backlog, state.signal
    have = f"{backlog.labelled:,} of {messages.rows(backlog.old)} older than {format_duration(signal.label_horizon)} have labels"
    share = f"{100 * backlog.labelled / backlog.old:.0f} %"
    return f"{have} ({share}), {100 * signal.min_labelled:g} % are needed of each stretch of time"


def _losses(state: Quality) -> str:
    candidate, stable = state.candidate_loss / state.labelled, state.stable_loss / state.labelled
    judged = messages.rows(sum(state.differences.values()), "labelled row")
    difference = f"difference between {state.lower:.3g} and {state.upper:.3g}"
    return f"{LOSSES[state.signal.metric]} {candidate:.4g} on {judged}, stable's {stable:.4g} ({difference})"


def _note(state: Quality) -> str:
    return f"; rows are not paired, which takes more of them: {state.not_paired}" if state.not_paired else ""
