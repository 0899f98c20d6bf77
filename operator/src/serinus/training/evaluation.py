"""What the evaluation of the variants on the held-out rows found. No heavy import."""

from serinus.core.model import Frozen


class CalibrationBin(Frozen):
    """The rows whose probability of class 1 lies above `low` and up to `high`; the first bin holds `low` too.

    `predicted` is the mean of their probabilities, `observed` the share of them that are of class 1.
    """

    low: float
    high: float
    rows: int
    predicted: float
    observed: float
