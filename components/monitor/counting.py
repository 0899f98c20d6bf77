"""Rows of the log counted into the bins of a reference, batch by batch: memory does not grow with the window."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from math import isnan
from typing import Any, Final

import pyarrow as pa

from serinus.core.prediction_log import PREDICTION
from serinus.core.reference import OTHER, Feature, Reference
from serinus.predictor.bins import Bins, bins_of
from serinus.predictor.schema import NUMERIC

REMEMBERED: Final = 1000  # values outside the reference's categories that are kept by name, the most frequent ones


class FeatureCounts:
    """One feature's rows by bin; of a categorical one also which values are none of the reference's categories.

    `declared` are the only values that training allowed, if the training file names them.
    """

    def __init__(self, feature: Feature, declared: Sequence[str] = ()) -> None:
        self.feature = feature
        self._declared = frozenset(declared)
        self._bins = bins_of(feature)
        self.others: Counter[str] = Counter()

    @property
    def bins(self) -> dict[str, int]:
        """Rows by bin."""
        return dict(self._bins.counts())

    def add(self, column: Any) -> None:
        """Count an Arrow array."""
        if self.feature.type in NUMERIC:
            self._bins.add(numbers(column))
            return
        values = Counter(column.to_pylist())
        self._bins.add(values.elements())
        self.others.update({v: n for v, n in values.items() if v is not None and v not in self.feature.categories})
        if len(self.others) > 2 * REMEMBERED:
            self.others = Counter(dict(self.others.most_common(REMEMBERED)))

    @property
    def unseen(self) -> Counter[str] | None:
        """Values that training never saw; None where its rare ones are pooled and not declared, so that nobody can tell."""
        if self.feature.type in NUMERIC or (self.feature.counts.get(OTHER, 0) and not self._declared):
            return None
        return Counter({value: rows for value, rows in self.others.items() if value not in self._declared})


class Counts:
    """Every feature that the log has, and the prediction, by bin. `declared`: the categories of the training file."""

    def __init__(
        self, reference: Reference, logged: Container[str], declared: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.features = {
            one.name: FeatureCounts(one, (declared or {}).get(one.name, ()))
            for one in reference.features
            if one.name in logged
        }
        self._labels = bool(reference.prediction.categories)
        self._prediction: Bins = bins_of(reference.prediction)

    @property
    def columns(self) -> list[str]:
        """What must be read."""
        return [*self.features, PREDICTION]

    @property
    def prediction(self) -> dict[str, int]:
        """Predictions by bin."""
        return dict(self._prediction.counts())

    def add(self, batches: Iterable[Any]) -> None:
        """Count Arrow batches that have `columns`."""
        for batch in batches:
            for name, counts in self.features.items():
                counts.add(batch.column(name))
            predictions = numbers(batch.column(PREDICTION))
            self._prediction.add(list(map(_label, predictions)) if self._labels else predictions)


def _label(value: float) -> str | None:
    """A predicted class as the reference names it."""
    return None if isnan(value) else f"{value:g}"


def numbers(column: Any) -> Any:
    """An Arrow column of numbers as a numpy array of floats, NaN where there is none; shape (rows,)."""
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
