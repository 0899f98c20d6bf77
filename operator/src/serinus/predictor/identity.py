"""Under which id a request is known to its client, to the prediction log and to its label."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

REQUEST_ID: Final = "x-request-id"
# Sent with what asks for a score nobody waits for; what bears it is answered, and counted and logged nowhere.
COPY: Final = "x-serinus-copy"
# Set by a gateway of ours on its copies of requests. It is counted, for that is what it was copied for.
MIRRORED: Final = "x-serinus-mirrored"
# How Envoy, and so Istio, marks the host of a copied request.
SHADOW_HOST: Final = "-shadow"
# Printable, and short enough for a database's key: an id becomes a header of the answer.
_ACCEPTED: Final = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Identity:
    """`mirrored`: the answer goes nowhere, another revision gives the client's. `given`: the client knows the id."""

    request_id: str
    given: bool = True
    mirrored: bool = False


def identity_of(headers: Mapping[str, str], body_id: str | None = None) -> Identity:
    """Whose request it is: by header X-Request-Id, else by the id in a V2 body, else by an id of our own.

    An id that is too long or not printable ASCII counts as none. `headers`: names in lower case.
    """
    given = headers.get(REQUEST_ID) or body_id
    mirrored = MIRRORED in headers or headers.get("host", "").partition(":")[0].endswith(SHADOW_HOST)
    if given and _ACCEPTED.fullmatch(given):
        return Identity(given, mirrored=mirrored)
    return Identity(str(uuid4()), given=False, mirrored=mirrored)


def row_ids(request_id: str, rows: int) -> list[str]:
    """The ids of a request's rows: its own for a single one, else `<id>/<index>`."""
    return [request_id] if rows == 1 else [f"{request_id}/{index}" for index in range(rows)]
