"""Sentences about evidence, with their numbers."""

import math

from serinus.core.analysis.counts import Counts, Pair

LARGEST_ODDS = 1e9


def odds(log_evidence: float) -> float:
    """Evidence as odds to 1, for people and plots; beyond LARGEST_ODDS it makes no difference any more."""
    return math.exp(min(log_evidence, math.log(LARGEST_ODDS)))


def percent(rate: float) -> str:
    """`10.0 %`; rates below one in a thousand keep two digits."""
    return f"{100 * rate:.1f} %" if rate >= 0.001 or not rate else f"{100 * rate:.2g} %"


def share(counts: Counts) -> str:
    """`41 of 412 (10.0 %)`."""
    return f"{counts.bad:,} of {counts.total:,} ({percent(counts.rate)})"


def points(margin: float) -> str:
    """`more than 1 point`."""
    if not margin:
        return "more"
    number = f"{100 * margin:g}"
    return f"more than {number} point{'' if number == '1' else 's'}"


def evidence(log_evidence: float, alpha: float) -> str:
    """`evidence 400 to 1, needs 80 to 1`."""
    return f"evidence {_odds(odds(log_evidence))} to 1, needs {_odds(1 / alpha)} to 1"


def compared(verb: str, pair: Pair) -> str:
    """`candidate failed 41 of 412 requests (10.0 %), stable 12 of 3,690 (0.3 %)`."""
    candidate, stable = pair.candidate, pair.stable
    head = f"candidate {verb} {candidate.bad:,} of {candidate.total:,} requests ({percent(candidate.rate)})"
    return f"{head}, stable {share(stable)}"


def rows(number: float, what: str = "row") -> str:
    """`1 row`, `4,120 rows`."""
    return f"{number:,.0f} {what}{'' if number == 1 else 's'}"


def _odds(value: float) -> str:
    if value >= LARGEST_ODDS:
        return "over a billion"
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
