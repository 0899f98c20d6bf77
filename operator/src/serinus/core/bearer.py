"""Bearer tokens (RFC 6750)."""

import hmac


def bears(authorization: bytes, token: str) -> bool:
    """Whether an Authorization header carries `token`; takes as long whatever is wrong with it."""
    scheme, _, given = authorization.partition(b" ")
    same = hmac.compare_digest(given.strip(), token.encode())
    return same and scheme.lower() == b"bearer"
