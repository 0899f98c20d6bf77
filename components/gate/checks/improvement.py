"""Whether the variant is better than the champion, by more than luck."""

from dataclasses import dataclass

import numpy as np

from components.gate.blocks import MIN_BLOCKS, blocks_of
from components.gate.case import Case, Champion
from components.gate.checks.stale_champion import is_stale, needed
from components.gate.interval import Interval, Pairs, interval_of, relative_gain
from components.gate.verdict import say
from serinus.training.values import BETTER, FIRST_VERSION, NOT_BETTER, NOT_COMPARABLE, TOO_FEW_BLOCKS, GateCheck


@dataclass(frozen=True)
class Comparison:
    """Both on the rows that both answer. `gain` is relative, positive where ours is better."""

    ours: float
    theirs: float
    gain: float
    rows: int
    interval: Interval | None


def improvement(case: Case) -> GateCheck:
    """The first version passes; a later one gains what is asked for, and at `confidence` not by luck."""
    if case.champion is None:
        metric = case.config.metric
        message = f"{case.variant} is the first version of {case.config.model} ({metric} {case.metrics[metric]:.4f})"
        return say("improvement", "Pass", FIRST_VERSION, message)
    seen = compare(case, case.champion)
    if seen is None:  # nothing says that the champion is as good
        message = (
            f"{case.variant} cannot be compared with champion version {case.champion.version}: no held-out row is "
            f"answered by both; {case.variant} answers enough rows itself"
        )
        return say("improvement", "Pass", NOT_COMPARABLE, message)
    return _judged(case, case.champion, seen)


def compare(case: Case, champion: Champion) -> Comparison | None:
    """The variant beside the champion, or None where they answer no row in common."""
    from components.evaluate.step import score

    config, common = case.config, case.predictions.notna() & champion.predictions.notna()
    if not common.any():
        return None
    rows, ours, theirs = case.rows[common], case.predictions[common], champion.predictions[common]
    truth, metric = rows[config.target].astype(float), config.metric
    value, beaten = score(truth, ours, config)[metric], score(truth, theirs, config)[metric]
    gain = float(relative_gain(metric, value, beaten))
    pairs = Pairs(
        metric,
        truth.to_numpy(np.float64),
        ours.to_numpy(np.float64),
        theirs.to_numpy(np.float64),
        blocks_of(rows, config),
    )
    return Comparison(value, beaten, gain, len(rows), interval_of(pairs, gain, config.gates.confidence))


def _judged(case: Case, champion: Champion, seen: Comparison) -> GateCheck:
    asked = needed(case)
    said, numbers = _sentence(case, champion, seen, asked), _numbers(case, seen, asked)
    if asked <= -1:
        return say("improvement", "Pass", BETTER, said, numbers)
    if seen.gain < asked:
        return say("improvement", "Fail", NOT_BETTER, said, numbers)
    if seen.interval is None:
        message = f"{said}; too few groups of rows to tell it from luck, {MIN_BLOCKS} are needed: hold out more rows"
        return say("improvement", "Inconclusive", TOO_FEW_BLOCKS, message, numbers)
    if seen.interval.low <= min(0.0, asked):
        message = (
            f"{said}; that may be luck, for the interval begins at or below {min(0.0, asked):.1%}: hold out more rows"
        )
        return say("improvement", "Fail", NOT_BETTER, message, numbers)
    return say("improvement", "Pass", BETTER, said, numbers)


def _sentence(case: Case, champion: Champion, seen: Comparison, asked: float) -> str:
    confidence, between = case.config.gates.confidence, seen.interval
    interval = f", {confidence * 100:g}% interval {between.low:+.1%} to {between.high:+.1%}" if between else ""
    return (
        f"{case.variant} is {abs(seen.gain):.1%} {'better' if seen.gain >= 0 else 'worse'} than champion version "
        f"{champion.version} ({case.config.metric} {seen.ours:.4f} against {seen.theirs:.4f} on {seen.rows:,} "
        f"held-out rows{interval}; {_asked(case, asked)})"
    )


def _asked(case: Case, asked: float) -> str:
    if asked <= -1:
        return "the gate is open"
    stale = " of a champion that is stale" if is_stale(case) else ""
    return f"{asked:.1%} is asked for{stale}"


def _numbers(case: Case, seen: Comparison, asked: float) -> dict[str, float]:
    numbers = {"gain": seen.gain, "asked": asked, "ours": seen.ours, "champion": seen.theirs, "rows": seen.rows}
    if seen.interval:
        low, high, blocks = seen.interval.low, seen.interval.high, seen.interval.blocks
        numbers |= {"low": low, "high": high, "confidence": case.config.gates.confidence, "blocks": blocks}
    return numbers
