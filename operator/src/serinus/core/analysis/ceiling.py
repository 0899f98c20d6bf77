"""Sequential test of one rate against an absolute limit, which may differ from interval to interval.

The likelihood ratio of a rate above the limit and the limit itself is an e-variable for every rate up to the limit,
because it grows with the number of bad trials (Ramdas et al., 2023, section 3). The same effects are mixed as for
differences.
"""

import math

from serinus.core.analysis import wealth
from serinus.core.analysis.base_rate import CERTAIN
from serinus.core.analysis.bets import REQUESTS, times_odds
from serinus.core.analysis.counts import Counts
from serinus.core.analysis.wealth import Wealth

START = REQUESTS.start


def update(evidence: Wealth, counts: Counts, limit: float) -> Wealth:
    """The evidence that the rate is above its limit, after one interval. A limit of 1 cannot be exceeded."""
    if not counts.total or limit >= 1 - CERTAIN:
        return evidence
    limit = max(limit, CERTAIN)
    factors = [_log_factor(counts, times_odds(limit, odds), limit) for odds in REQUESTS.odds]
    return wealth.grow(evidence, factors, START.full)


def _log_factor(counts: Counts, rate: float, limit: float) -> float:
    good = counts.total - counts.bad
    return counts.bad * math.log(rate / limit) + good * math.log((1 - rate) / (1 - limit))
