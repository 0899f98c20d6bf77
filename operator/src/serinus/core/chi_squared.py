"""The chi-squared distribution with whole degrees of freedom, exactly, by finite sums.

Abramowitz and Stegun, *Handbook of Mathematical Functions* (1964), 26.4.4 and 26.4.5.
"""

from functools import lru_cache
from math import erfc, exp, gamma, sqrt

HALVINGS = 80  # until the bracket of a quantile is down to the last digit


def tail(value: float, degrees: int) -> float:
    """The probability that a chi-squared variable of `degrees` is above `value` (at least 0)."""
    half = value / 2
    known, result = (1, erfc(sqrt(half))) if degrees % 2 else (2, exp(-half))
    for step in range(known, degrees, 2):
        result += half ** (step / 2) * exp(-half) / gamma(step / 2 + 1)
    return result


@lru_cache(maxsize=1024)  # every input of a look asks for the same one
def upper_quantile(alpha: float, degrees: int) -> float:
    """What a chi-squared variable of `degrees` exceeds with probability `alpha` (between 0 and 1); 0 without degrees."""
    if not degrees:
        return 0.0
    low, high = 0.0, float(degrees)
    while tail(high, degrees) > alpha:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(middle, degrees) > alpha else (low, middle)
    return high
