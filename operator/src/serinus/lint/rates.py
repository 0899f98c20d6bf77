"""What is known of a model's traffic before a rollout of it: each rate with where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

GIVEN: Final = "given"
ASSUMED_SOURCE: Final = "assumed"


@dataclass(frozen=True)
class Rate:
    """A number, and where it is from: `given`, `assumed`, or `seen in the rollout of version 3`."""

    value: float
    source: str = GIVEN

    @property
    def per_minute(self) -> str:
        """`420 requests a minute (given)`."""
        number = f"{self.value:,.0f}" if self.value >= 1000 else f"{self.value:.3g}"
        return f"{number} requests a minute ({self.source})"


@dataclass(frozen=True)
class Seen:
    """What is known of a model: how often its requests are bad, and by how much two losses of one row differ.

    `error_rate`: share of failed or slow requests. `loss_spread`: standard deviation of the difference of two losses. By
    the name of a signal, what was seen for it: `bad` and `spreads` as these two, `labelled` the share of rows older than
    labelHorizon that have their label. `traffic` is where the requests per minute are from.
    """

    error_rate: Rate = Rate(0.01, ASSUMED_SOURCE)
    loss_spread: Rate = Rate(0.1, ASSUMED_SOURCE)
    bad: Mapping[str, Rate] = field(default_factory=dict)
    spreads: Mapping[str, Rate] = field(default_factory=dict)
    labelled: Mapping[str, Rate] = field(default_factory=dict)
    traffic: str = GIVEN

    def bad_of(self, signal: str) -> Rate:
        """Share of stable's requests that are bad for a signal."""
        return self.bad.get(signal, self.error_rate)

    def spread_of(self, signal: str) -> Rate:
        """Standard deviation of the difference of two losses, as a signal measures them."""
        return self.spreads.get(signal, self.loss_spread)


ASSUMED: Final = Seen()
