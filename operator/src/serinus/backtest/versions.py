"""Trained versions, and what each of them answers to the rows of history: whole stretches at once, each only once."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.evaluate.step import answers
from serinus.backtest.history import History, Numbers
from serinus.core.reference import Reference
from serinus.training.config import TrainingConfig

BLOCK_ROWS = 8192


@dataclass(frozen=True, eq=False)
class Version:
    """One registered version. `metrics` are those on the held-out rows, `digest` names its artifact."""

    number: str
    variant: str
    model: Any
    folder: Path
    reference: Reference
    digest: str
    created: datetime
    metrics: dict[str, float]

    def answers(self, rows: pd.DataFrame, config: TrainingConfig) -> Numbers:
        """What its predictor answers to each row, NaN where it refuses one for a missing value; shape (rows,)."""
        features = self.reference.features
        required = [one.name for one in features if not one.nullable]
        usable = rows[required].notna().all(axis=1).to_numpy()
        found = np.full(len(rows), np.nan)
        if usable.any():
            found[usable] = answers(self.model, rows.loc[usable, [one.name for one in features]], config)
        return found


@dataclass
class Answers:
    """Each version's answers to the history, worked out block by block when they are asked for."""

    history: History
    _known: dict[str, Numbers] = field(default_factory=dict)
    _done: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def of(self, version: Version, first: int, last: int) -> Numbers:
        """The answers to the rows [first, last); shape (last - first,)."""
        known = self._known.setdefault(version.digest, np.full(len(self.history), np.nan))
        blocks = -(-len(self.history) // BLOCK_ROWS)
        done = self._done.setdefault(version.digest, np.zeros(blocks, dtype=bool))
        for block in range(first // BLOCK_ROWS, -(-last // BLOCK_ROWS)):
            if not done[block]:
                rows = slice(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, len(self.history)))
                known[rows] = version.answers(self.history.frame.iloc[rows], self.history.config)
                done[block] = True
        return known[first:last]
