"""Live requests counted into the bins of the training reference."""

from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from serinus.core.reference import MISSING, OTHER, Feature, Prediction, Reference
from serinus.predictor.decoding import Batch
from serinus.predictor.schema import NUMERIC

# Rows that wait before they are counted together: numpy's cost per call is then shared by many one-row requests.
FLUSH_ROWS = 256

Count = tuple[str, int]


class Bins(Protocol):
    """Counts of one feature, or of the prediction."""

    def add(self, values: Any) -> None:
        """Count values, one per row."""
        ...

    def counts(self) -> list[Count]:
        """(bin name, cumulative count) for every bin, those never hit included."""
        ...


class NumericBins:
    """Bin i holds edges[i-1] < x <= edges[i]; NaN is "missing"."""

    def __init__(self, edges: Sequence[float], names: Sequence[str] = ()) -> None:
        """`names` of the bins from the lowest; their numbers if there are none."""
        self._edges = np.array(edges, dtype=np.float64)
        self._names = [*(names or map(str, range(len(edges) + 1))), MISSING]
        self._counts = np.zeros(len(self._names), dtype=np.int64)

    def add(self, values: NDArray[Any]) -> None:
        """Count numbers, shape (rows,)."""
        index = np.searchsorted(self._edges, values, side="left")
        index[np.isnan(values)] = len(self._names) - 1
        self._counts += np.bincount(index, minlength=len(self._names))

    def counts(self) -> list[Count]:
        """(bin name, cumulative count) for every bin."""
        return list(zip(self._names, self._counts.tolist(), strict=True))


class CategoryBins:
    """A bin per known category; None is "missing" and everything else "other"."""

    def __init__(self, categories: Sequence[str]) -> None:
        self._bin = {_key(category): category for category in categories}
        self._counts: Counter[str] = Counter(dict.fromkeys((*categories, OTHER, MISSING), 0))

    def add(self, values: Iterable[object]) -> None:
        """Count hashable values."""
        for value, count in Counter(values).items():
            name = MISSING if value is None else self._bin.get(_key(value), OTHER)
            self._counts[name] += count

    def counts(self) -> list[Count]:
        """(bin name, cumulative count) for every bin."""
        return list(self._counts.items())


def _key(value: object) -> str:
    """How a category is compared: true, True and "True" are one, as pandas and JSON spell booleans differently."""
    text = str(value)
    return text.lower() if text in ("True", "False") else text


def bins_of(described: Feature | Prediction) -> Bins:
    """Empty bins as the reference describes them."""
    if described.categories or (isinstance(described, Feature) and described.type not in NUMERIC):
        return CategoryBins(described.categories)
    return NumericBins(described.edges)


class BinCounter:
    """Counts answers, and where there is a reference features and predictions. Safe to call from several threads.

    `answers`: empty bins that do not depend on the model; None to count no answers.
    """

    def __init__(self, reference: Reference | None, answers: Bins | None = None) -> None:
        features = reference.features if reference else ()
        self._numbers = [(f.name, NumericBins(f.edges)) for f in features if f.type in NUMERIC]
        self._others = [(f.name, bins_of(f)) for f in features if f.type not in NUMERIC]
        self._prediction = bins_of(reference.prediction) if reference else None
        self._answers = answers
        self._lock = Lock()
        self._batches: list[Batch] = []
        self._predictions: list[NDArray[Any]] = []
        self._waiting = 0

    def observe(self, batch: Batch, predictions: NDArray[Any] | None) -> None:
        """Remember valid rows, and what the model answered to them (None if it failed)."""
        if self._prediction is None and self._answers is None:
            return
        with self._lock:
            self._batches.append(batch)
            if predictions is not None:
                self._predictions.append(predictions)
            self._waiting += batch.rows
            if self._waiting >= FLUSH_ROWS:
                self._flush()

    def features(self) -> list[tuple[str, list[Count]]]:
        """Cumulative counts of every feature."""
        with self._lock:
            self._flush()
            return [(name, bins.counts()) for name, bins in [*self._numbers, *self._others]]

    def predictions(self) -> list[Count]:
        """Cumulative counts of the prediction."""
        with self._lock:
            self._flush()
            return self._prediction.counts() if self._prediction else []

    def answers(self) -> list[Count]:
        """Cumulative counts of the answers, in bins that do not depend on the model."""
        with self._lock:
            self._flush()
            return self._answers.counts() if self._answers else []

    def _flush(self) -> None:
        if self._batches and (self._numbers or self._others):
            numbers = np.concatenate([batch.numbers for batch in self._batches], axis=1)
            for (_, bins), values in zip(self._numbers, numbers, strict=True):
                bins.add(values)
            for index, (_, others) in enumerate(self._others):
                others.add(value for batch in self._batches for value in batch.others[index])
        if self._predictions:
            predictions = np.concatenate(self._predictions)
            for one in (self._prediction, self._answers):
                if one is not None:
                    one.add(_flat(one, predictions))
        self._batches, self._predictions, self._waiting = [], [], 0


def _flat(bins: Bins, predictions: NDArray[Any]) -> Any:
    return predictions.astype(np.float64) if isinstance(bins, NumericBins) else predictions.tolist()
