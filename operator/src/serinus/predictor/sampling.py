"""Which requests belong to a sample: decided by the request's id, so that whoever asks gets the same answer."""

from hashlib import blake2b

_STEPS = 2**64


def is_sampled(request_id: str, rate: float) -> bool:
    """Whether a request is in the sample of share `rate`. A smaller sample is part of every larger one."""
    if rate >= 1:
        return True
    digest = blake2b(request_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < rate * _STEPS
