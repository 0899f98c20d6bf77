"""The Knative backend on a real API server, KServe, Knative and gateway, applied again and again as the operator does."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import httpx

from serinus.adapters.knative_objects import KNATIVE_REVISION
from serinus.adapters.knative_view import KnativeSettings
from serinus.adapters.kserve_knative import KnativeServing
from serinus.adapters.system_clock import SystemClock
from tests.cluster.control_plane.kserve import DOMAIN
from tests.cluster.standard.objects import Objects
from tests.cluster.standard.world import NAME, StandardWorld

SETTINGS = KnativeSettings(patience=timedelta(seconds=10))
KNATIVE_SECONDS = 90  # two Knative revisions have to come up one after the other
LOADING_SECONDS = 1.0  # Traefik calls a route ready 100 ms after it began to load it here, loaded or not


class KnativeObjects(Objects):
    """The cache with Knative's revisions in it."""

    async def refresh(self) -> None:
        await super().refresh()
        await self._relist.fill([KNATIVE_REVISION])


class KnativeWorld(StandardWorld):
    """One namespace with one ModelDeployment that is served in Knative mode, and clients of it."""

    async def restart(self) -> None:
        self._objects = KnativeObjects(str(self.cluster.kubeconfig), self.key.namespace)
        await self._objects.refresh()
        self.objects = self._objects.objects
        knows = self.objects.serves
        self.objects.serves = lambda kind: kind == KNATIVE_REVISION or knows(kind)  # type: ignore[method-assign]
        self.standard = KnativeServing(  # type: ignore[assignment]
            self.objects, SystemClock(), SETTINGS, lambda _, sentence: self.notices.append(sentence)
        )

    @property
    def host(self) -> str:
        """What clients call."""
        return f"{NAME}-predictor.{self.key.namespace}.{DOMAIN}"

    async def loaded(self) -> float:
        """When, in monotonic seconds, the gateway had loaded for certain what is in effect now."""
        await asyncio.sleep(LOADING_SECONDS)
        return time.monotonic()

    # ---- what tests ask beside

    def service(self) -> Any:
        """The InferenceService as the API server has it."""
        return self.raw("InferenceService", NAME)

    def spec(self) -> tuple[str, int]:
        """The revision that the InferenceService's label names, and its percent; -1 while a person has taken that away."""
        found = self.service()
        percent = found["spec"]["predictor"].get("canaryTrafficPercent", -1)
        return found["metadata"]["labels"].get("serinus.dev/revision", ""), percent

    def knative_revisions(self) -> list[Any]:
        """All Knative revisions, oldest first."""
        where = (KNATIVE_REVISION.group, KNATIVE_REVISION.version, self.key.namespace, KNATIVE_REVISION.plural)
        found = self.look.custom.list_namespaced_custom_object(*where)["items"]
        return sorted(found, key=lambda one: str(one["metadata"]["name"]))


@dataclass(frozen=True)
class Answer:
    """When a request was sent (monotonic seconds), its status (0: none came), and the revision that answered."""

    sent: float
    status: int
    revision: str


class Traffic:
    """Clients that send requests one after the other while the `async with` block runs."""

    def __init__(self, world: KnativeWorld, clients: int = 4) -> None:
        self.answers: list[Answer] = []
        self._world, self._clients = world, clients

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._send_on()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _send_on(self) -> None:
        while True:
            sent = time.monotonic()
            try:
                status, revision, _ = await self._world.send({})
            except httpx.HTTPError:
                status, revision = 0, ""
            self.answers.append(Answer(sent, status, revision))
            await asyncio.sleep(0.01)

    def since(self, moment: float) -> Counter[str]:
        """Who answered requests that were sent after that."""
        return Counter(one.revision for one in self.answers if one.sent > moment)

    @property
    def failed(self) -> list[Answer]:
        """Requests that were not answered well."""
        return [one for one in self.answers if one.status != 200]
