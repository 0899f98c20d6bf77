"""Kopf's watches, and nothing else of kopf: no finalizer, annotation, status, peering or Event of its own."""

import asyncio
import logging
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import kopf
from lightkube.config.kubeconfig import SingleConfig

from serinus.adapters.kubernetes_objects import DEPLOYMENT_LABEL, FIELD_MANAGER, POD, Kind
from serinus.kubernetes.connection import connection_info
from serinus.kubernetes.intake import Intake

log = logging.getLogger(__name__)

LONGEST_PAUSE_SECONDS: Final = 5.0
STOP_SECONDS: Final = 10.0


class Forever:
    """Pauses between tries that never end: an API server that is away comes back."""

    def __iter__(self) -> Iterator[float]:
        pause = 0.25
        while True:
            yield pause * random.uniform(0.5, 1.0)  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


class NoDifferences(kopf.DiffBaseStorage):
    """Kopf would copy every object whole, to compare it with the copy that it has left on it; it leaves none here."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Of the object, nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Nothing was left on the object."""

    def store(self, **_: Any) -> None:
        """Nothing is left on the object."""


class NoProgress(kopf.ProgressStorage):
    """Kopf would remember on the object which handlers it has called; these are called for every event."""

    def fetch(self, **_: Any) -> None:
        """Nothing was left on the object."""

    def store(self, **_: Any) -> None:
        """Nothing is left on the object."""

    def purge(self, **_: Any) -> None:
        """Nothing was left on the object."""

    def touch(self, **_: Any) -> None:
        """Nothing is left on the object."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Nothing was left on the object."""
        return essence


class Watches:
    """Feeds the intake with every event of the kinds. `started` is called whenever watches have been set up."""

    def __init__(self, config: SingleConfig, namespaces: Sequence[str], intake: Intake) -> None:
        self._config = config
        self._namespaces = namespaces
        self._intake = intake
        self._again = asyncio.Event()
        self.kinds: tuple[Kind, ...] = ()
        self.started: Callable[[], None] = lambda: None

    def restart(self, kinds: Sequence[Kind]) -> None:
        """Watch these kinds from now on, over new connections."""
        self.kinds = tuple(kinds)
        self._again.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        pauses = iter(Forever())
        while True:
            self._again.clear()
            try:
                await self._watch()
                pauses = iter(Forever())
            except Exception:
                log.exception("the watches have ended; they are started again")
                await asyncio.sleep(next(pauses))

    async def _watch(self) -> None:
        """Watch until `restart`; raises what ends a task of kopf's."""
        tasks = await self._spawn()
        self.started()
        again = asyncio.create_task(self._again.wait())
        try:
            done, _ = await asyncio.wait([*tasks, again], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            again.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_SECONDS)

    async def _spawn(self) -> list[asyncio.Task[Any]]:
        """Kopf's tasks. It has set signal handlers of its own by then; `started` is the time to set others."""
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry, id="login")(self._login)
        for kind in self.kinds:
            self._register(registry, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tasks = await kopf.spawn_tasks(
                registry=registry,
                settings=kopf_settings(),
                standalone=True,
                # kopf's own holds the user's name, and a container's uid has none. Its type is not public.
                identity=FIELD_MANAGER,  # type: ignore[arg-type]
                clusterwide=not self._namespaces,
                namespaces=self._namespaces,
            )
        return list(tasks)

    def _login(self, **_: Any) -> kopf.ConnectionInfo:
        return connection_info(self._config)

    def _register(self, registry: kopf.OperatorRegistry, kind: Kind) -> None:
        @kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)
        async def on_event(event: Any, **_: Any) -> None:
            manifest = {**event["object"], "apiVersion": kind.api_version, "kind": kind.kind}
            (self._intake.gone if event["type"] == "DELETED" else self._intake.seen)(kind, manifest)


def kopf_settings() -> kopf.OperatorSettings:
    """Everything that kopf would do by itself is off."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage, settings.persistence.progress_storage = NoDifferences(), NoProgress()
    settings.scanning.disabled = True  # needs rights on CRDs and namespaces; `discovery` finds new kinds
    settings.process.ultimate_exiting_timeout = None  # it would kill the process
    settings.networking.error_backoffs = Forever()
    settings.networking.request_timeout = 60
    settings.networking.connect_timeout = 10
    settings.watching.label_selectors[POD.plural] = DEPLOYMENT_LABEL
    return settings
