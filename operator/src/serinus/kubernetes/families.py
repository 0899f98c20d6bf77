"""How a gauge about ModelDeployments is described, and what is told in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from serinus.ports import Key

OWN: Final = ("namespace", "deployment")

Row = tuple[tuple[str, ...], float]
"""The labels beyond OWN, and the value."""


@dataclass(frozen=True)
class Family:
    """A gauge: its name without `serinus_`, what it says, and its labels beyond OWN."""

    name: str
    text: str
    labels: tuple[str, ...] = ()

    def metric(self, rows: Iterable[tuple[Key, Row]]) -> Metric:
        """As Prometheus is told it."""
        gauge = GaugeMetricFamily(f"serinus_{self.name}", self.text, labels=[*OWN, *self.labels])
        for key, (labels, value) in rows:
            gauge.add_metric([key.namespace, key.name, *labels], value)
        return gauge


def moment(at: datetime | None) -> tuple[Row, ...]:
    """A time in seconds since 1970; nothing where it is not known."""
    return (((), at.timestamp()),) if at else ()


def flag(holds: bool) -> tuple[Row, ...]:
    """1 or 0."""
    return (((), float(holds)),)
