"""Chance that is the same every time: drawn from a hash of the request's id."""

from hashlib import blake2b
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

DRAW_BITS: Final = 63  # so that it is a signed integer of 64 bits in every database
LOW_BITS: Final = 32

Draws = NDArray[np.int64]


def draw_of(deployment: str, request_id: str, purpose: bytes = b"row") -> int:
    """A number of 63 bits; draws for different purposes (at most 16 bytes) are independent."""
    digest = blake2b(f"{deployment}\0{request_id}".encode(), digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big") >> 1


def is_sampled(deployment: str, request_id: str, rate: float) -> bool:
    """Whether a request is kept at all, at this rate."""
    return rate >= 1 or draw_of(deployment, request_id, b"kept") < below(rate)


def below(rate: float) -> int:
    """Draws smaller than this are a share of `rate`. Only the high bits decide, so `uniform` does not depend on it."""
    return min(int(rate * (1 << (DRAW_BITS - LOW_BITS))) << LOW_BITS, (1 << DRAW_BITS) - 1)


def uniform(draws: Draws) -> NDArray[np.float64]:
    """Of the low bits of each: in [0, 1)."""
    low: NDArray[np.float64] = (draws & ((1 << LOW_BITS) - 1)).astype(np.float64)
    return low / float(1 << LOW_BITS)


def order(draws: Draws) -> NDArray[Any]:
    """A random order of rows, which does not depend on `uniform`: by the high bits."""
    return np.argsort(draws >> LOW_BITS, kind="stable")
