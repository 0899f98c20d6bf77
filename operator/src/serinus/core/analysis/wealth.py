"""Evidence as wealth: a mixture of bets against a hypothesis, valid at every look.

Each component bets on one alternative and multiplies its wealth by an e-variable per interval (a factor whose
expectation is at most 1 wherever the hypothesis holds). Any predictable sharing-out between components keeps the sum a
non-negative supermartingale, so it ever reaches 1/alpha with probability at most alpha (Ville's inequality; Ramdas et
al., Game-theoretic statistics and safe anytime-valid inference, 2023, sections 3-5). All wealth here is the natural
logarithm.

Two things are added to the plain mixture:

* *Sharing* (Herbster & Warmuth, Tracking the best expert, 1998): a part of the wealth is idle, and before each
  interval a little of all wealth is dealt out again. Without it an hour of health would have to be outweighed by an
  hour of harm. The part is 1/(100 + looks), so that waiting costs only the logarithm of the number of looks.
* *Trimming*: requests of one interval need not be independent (a client that retries one bad row). `trimmed` is, for
  each component, the wealth without its own best interval. It is never above the wealth of the mixture with any one
  interval left out, so whatever happens in that interval, trimmed wealth reaches 1/alpha with probability at most
  alpha.
"""

import math
from collections.abc import Sequence

from serinus.core.model import Frozen

SHARING_OFFSET = 100
LEAST_TRIMMED = 0.2  # of log(1/alpha): what the other intervals must say when no interval stands out
STANDS_OUT = 2.0  # of log(1/alpha): from here on, what the best interval says more must be said by the others too

ROUNDING = 1e-9


class Wealth(Frozen):
    """Log wealth of each component after `looks` intervals; the last component is idle and never bets."""

    looks: int = 0
    full: tuple[float, ...]
    trimmed: tuple[float, ...]


def stake(weights: Sequence[float], idle: float) -> Wealth:
    """A wealth of 1, `idle` (above 0) of it unused and the rest dealt out in proportion to `weights`."""
    scale = (1 - idle) / sum(weights)
    shares = (*(math.log(weight * scale) for weight in weights), math.log(idle))
    return Wealth(full=shares, trimmed=shares)


def grow(wealth: Wealth, log_factors: Sequence[float], shares: Sequence[float]) -> Wealth:
    """The wealth after one interval in which component i's e-variable had the logarithm `log_factors[i]`.

    `shares` are the log shares by which wealth is dealt out again beforehand.
    """
    full, trimmed = (_deal(part, shares, wealth.looks) for part in (wealth.full, wealth.trimmed))
    grown = tuple(old + factor for old, factor in zip(full, (*log_factors, 0.0), strict=True))
    # Either this interval is the one left out, or an earlier one is.
    left_out = tuple(
        min(old, rest + factor) for old, rest, factor in zip(full, trimmed, (*log_factors, 0.0), strict=True)
    )
    return Wealth(looks=wealth.looks + 1, full=grown, trimmed=left_out)


def bounded(wealth: Wealth, most: float) -> Wealth:
    """The wealth with log totals at most `most`. Giving wealth away is valid, and lets a verdict follow a change."""
    full, trimmed = _bound(wealth.full, most), _bound(wealth.trimmed, most)
    return Wealth(looks=wealth.looks, full=full, trimmed=trimmed)


def strength(wealth: Wealth, alpha: float) -> float:
    """Log evidence against the hypothesis; it is rejected at level `alpha` when this is at least log(1/alpha).

    The smaller of the full wealth, and the trimmed wealth plus an allowance. The allowance shrinks as the best interval
    stands out, down to none: a single interval can then add nothing. Being at most the full wealth it is as valid.
    """
    needed = -math.log(alpha)
    full, trimmed = log_sum(wealth.full), log_sum(wealth.trimmed)
    required = min(needed, max(LEAST_TRIMMED * needed, full - trimmed - STANDS_OUT * needed))
    return min(full, trimmed + needed - required)


def rejects(wealth: Wealth, alpha: float) -> bool:
    """Whether the hypothesis is rejected at level `alpha`. It takes at least two intervals that say so."""
    return strength(wealth, alpha) >= -math.log(alpha) - ROUNDING


def log_sum(parts: Sequence[float]) -> float:
    """log(sum(exp(part))), without overflow."""
    largest = max(parts)
    return largest + math.log(sum(math.exp(part - largest) for part in parts))


def _deal(parts: tuple[float, ...], shares: Sequence[float], looks: int) -> tuple[float, ...]:
    total, share = log_sum(parts), 1 / (SHARING_OFFSET + looks)
    keep, dealt = math.log1p(-share), math.log(share) + total
    return tuple(_log_add(part + keep, dealt + own) for part, own in zip(parts, shares, strict=True))


def _log_add(one: float, two: float) -> float:
    return max(one, two) + math.log1p(math.exp(-abs(one - two)))


def _bound(parts: tuple[float, ...], most: float) -> tuple[float, ...]:
    excess = max(0.0, log_sum(parts) - most)
    return tuple(part - excess for part in parts)
