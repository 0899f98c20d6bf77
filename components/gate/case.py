"""What the gates judge: one variant, what it answers on rows it never saw, and the champion beside it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from components.gate.serving import NotServing, Serving
from serinus.training.config import TrainingConfig
from serinus.training.values import Metrics


@dataclass(frozen=True)
class Champion:
    """The version to beat, when it was registered, and its answers on the held-out rows (missing where it refuses one)."""

    version: str
    predictions: "pd.Series[float]"
    created: datetime | None = None


@dataclass(frozen=True)
class Case:
    """One variant as every gate sees it.

    `rows` are the held-out rows, `predictions` the variant's answers to them (missing where it refuses one), `metrics`
    what these are worth. `model` is the folder of its `model.skops`. `serving` is set while the candidate is served.
    """

    config: TrainingConfig
    variant: str
    rows: pd.DataFrame
    predictions: "pd.Series[float]"
    metrics: Metrics
    train: pd.DataFrame
    model: Path
    now: datetime
    golden: pd.DataFrame | None = None
    champion: Champion | None = None
    serving: Serving | NotServing | None = None

    @property
    def truth(self) -> "pd.Series[float]":
        """The target of the held-out rows."""
        return self.rows[self.config.target]

    @property
    def champion_age(self) -> timedelta | None:
        """How long ago the champion was registered, where that is known."""
        created = self.champion.created if self.champion else None
        return self.now - created if created else None
