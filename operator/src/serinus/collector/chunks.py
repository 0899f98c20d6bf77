"""Lists in parts that a statement takes."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

T = TypeVar("T")
PARAMETERS: Final = 500  # databases allow more; this is as fast


def chunks(values: Sequence[T], size: int = PARAMETERS) -> Iterator[Sequence[T]]:
    """Parts of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
