"""Kubernetes Events about ModelDeployments: written in the background, repeats counted in one Event, floods cut off."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT, Kind
from serinus.core.elapsed import has_passed
from serinus.core.errors import ServingUnavailable
from serinus.kubernetes.api import Api
from serinus.kubernetes.cache import ObjectCache
from serinus.ports import Clock, Key

log = logging.getLogger(__name__)

EVENT: Final = Kind("events.k8s.io", "v1", "Event", "events")
CONTROLLER: Final = "serinus.dev/operator"
LONGEST_NOTE: Final = 1024  # bytes, as the API server has it
REPEATED_WITHIN: Final = timedelta(minutes=10)
COUNTED_EVERY: Final = timedelta(minutes=1)
BURST: Final = 25  # Events of one deployment at once, and one more every REFILL
REFILL: Final = timedelta(seconds=30)
WAITING: Final = 2000  # Events not yet written; the API server is away, or far too slow
REMEMBERED: Final = 4096


@dataclass(frozen=True)
class Told:
    """An Event that was written: where it stands, and how often it has happened since."""

    name: str
    first: datetime
    written: datetime
    count: int = 1


@dataclass(frozen=True)
class _Allowance:
    left: float
    at: datetime


class EventRecorder:
    """Takes in what is to be told, without waiting; `run` writes it."""

    def __init__(self, api: Api, cache: ObjectCache, clock: Clock, instance: str, dropped: Callable[[], None]) -> None:
        self._api = api
        self._cache = cache
        self._clock = clock
        self._instance = instance
        self._dropped = dropped
        self._waiting: asyncio.Queue[tuple[str, str, dict[str, Any]]] = asyncio.Queue(WAITING)
        self._told: OrderedDict[tuple[Key, str, str], Told] = OrderedDict()
        self._allowances: OrderedDict[Key, _Allowance] = OrderedDict()

    def tell(self, key: Key, reason: str, message: str, *, warning: bool = False, action: str = "Reconcile") -> None:
        """Let people see it with `kubectl describe`. What happens again soon is counted, not told again."""
        now, about = self._clock.now(), (key, reason, message)
        told = self._told.get(about)
        if told is not None and not has_passed(REPEATED_WITHIN, told.first, now):
            self._count_again(about, told, now)
            return
        manifest = self._cache.get(MODEL_DEPLOYMENT, key.namespace, key.name)
        if manifest is None or not self._is_allowed(key, now):
            self._dropped()
            return
        event = event_of(manifest, reason, message, now, self._instance, warning=warning, action=action)
        self._remember(about, Told(event["metadata"]["name"], now, now))
        self._enqueue("create", "", event)

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._write(*await self._waiting.get())

    async def flush(self) -> None:
        """Write what still waits."""
        while not self._waiting.empty():
            await self._write(*self._waiting.get_nowait())

    async def _write(self, verb: str, name: str, event: dict[str, Any]) -> None:
        try:
            await self._api.request(verb, EVENT, event["metadata"]["namespace"], name, body=event)
        except ServingUnavailable as error:
            self._dropped()
            log.debug("an Event was not written: %s", error)

    def _count_again(self, about: tuple[Key, str, str], told: Told, now: datetime) -> None:
        again = replace(told, count=told.count + 1)
        if has_passed(COUNTED_EVERY, told.written, now):
            again = replace(again, written=now)
            series = {"count": again.count, "lastObservedTime": _micro(now)}
            self._enqueue("merge", told.name, {"metadata": {"namespace": about[0].namespace}, "series": series})
        self._told[about] = again

    def _is_allowed(self, key: Key, now: datetime) -> bool:
        former = self._allowances.pop(key, _Allowance(BURST, now))
        left = min(float(BURST), former.left + max(now - former.at, timedelta()) / REFILL)
        self._allowances[key] = _Allowance(left - 1 if left >= 1 else left, now)
        while len(self._allowances) > REMEMBERED:
            self._allowances.popitem(last=False)
        return left >= 1

    def _remember(self, about: tuple[Key, str, str], told: Told) -> None:
        self._told[about] = told
        self._told.move_to_end(about)
        while len(self._told) > REMEMBERED:
            self._told.popitem(last=False)

    def _enqueue(self, verb: str, name: str, event: dict[str, Any]) -> None:
        try:
            self._waiting.put_nowait((verb, name, event))
        except asyncio.QueueFull:
            self._dropped()


def event_of(
    manifest: Any, reason: str, message: str, now: datetime, instance: str, *, warning: bool, action: str
) -> dict[str, Any]:
    """The Event about a ModelDeployment."""
    meta = manifest["metadata"]
    stamp = hashlib.sha256(f"{meta['uid']} {reason} {message} {now.isoformat()}".encode()).hexdigest()[:16]
    regarding = {
        "apiVersion": MODEL_DEPLOYMENT.api_version,
        "kind": MODEL_DEPLOYMENT.kind,
        **{name: meta[name] for name in ("name", "namespace", "uid", "resourceVersion")},
    }
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": f"{meta['name']}.{stamp}", "namespace": meta["namespace"]},
        "eventTime": _micro(now),
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:128],
        "action": action,
        "reason": reason[:128],
        "regarding": regarding,
        "note": shortened(message),
        "type": "Warning" if warning else "Normal",
    }


def shortened(note: str) -> str:
    """A sentence that the API server does not refuse for its length."""
    content = note.encode()
    return note if len(content) <= LONGEST_NOTE else content[: LONGEST_NOTE - 3].decode(errors="ignore") + "..."


def _micro(moment: datetime) -> str:
    """Kubernetes' MicroTime."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
