"""Histograms as people read them."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from components.monitor.values import Bin
from serinus.core.reference import Feature, Prediction


def named_bins(described: Feature | Prediction, window: Mapping[str, int]) -> tuple[Bin, ...]:
    """Every bin of the reference and of the window, by the values that it holds; empty ones too."""
    whole = isinstance(described, Feature) and described.type == "integer"
    ranges = _whole_ranges(described.edges) if whole else _ranges(described.edges)
    names = {} if described.categories else dict(zip(map(str, range(len(described.edges) + 1)), ranges, strict=True))
    return tuple(
        Bin(label=names.get(one, one), reference=described.counts.get(one, 0), window=window.get(one, 0))
        for one in {**described.counts, **window}
    )


def _ranges(edges: Sequence[float]) -> Iterator[str]:
    """`to 3.5`, `3.5 to 5`, `above 5`: a bin holds its upper edge."""
    if not edges:
        yield "any value"
        return
    yield f"to {edges[0]:.4g}"
    yield from (f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges))
    yield f"above {edges[-1]:.4g}"


def _whole_ranges(edges: Sequence[float]) -> Iterator[str]:
    """`to 3`, `4`, `5 to 7`, `from 8`."""
    if not edges:
        yield "any value"
        return
    yield f"to {edges[0]:g}"
    yield from (f"{high:g}" if high == low + 1 else f"{low + 1:g} to {high:g}" for low, high in pairwise(edges))
    yield f"from {edges[-1] + 1:g}"
