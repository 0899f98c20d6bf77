"""Follow the objects of one kind: all there are now, then each change, through broken connections."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError

RETRY_SECONDS = 0.5
# The server ends a watch after this long; what was missed by a silent connection is then found by the next list.
WATCH_SECONDS = 240
T = TypeVar("T")


@dataclass(frozen=True)
class Change(Generic[T]):
    """An object as it is now, or as it was last seen when it is gone."""

    object: T
    gone: bool = False


async def follow(
    client: AsyncClient, kind: type[Any], fields: Mapping[str, str] | None = None
) -> AsyncIterator[Change[Any]]:
    """Every object in all namespaces now, then each change, without end."""
    known: dict[str, Any] = {}
    options: dict[str, Any] = {"namespace": "*", "fields": dict(fields) if fields else None}
    while True:
        try:
            listing = client.list(kind, **options)
            now = {item.metadata.uid: item async for item in listing}
            for uid in known.keys() - now.keys():
                yield Change(known[uid], gone=True)
            known = now
            for item in now.values():
                yield Change(item)
            watch = client.watch(
                kind, resource_version=listing.resourceVersion, server_timeout=WATCH_SECONDS, **options
            )
            async for operation, item in watch:
                gone = operation == "DELETED"
                if gone:
                    known.pop(item.metadata.uid, None)
                else:
                    known[item.metadata.uid] = item
                yield Change(item, gone)
        except (ApiError, httpx2.HTTPError):
            await asyncio.sleep(RETRY_SECONDS)
