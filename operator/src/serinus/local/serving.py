"""The serving backend of one machine: predictor processes behind the gateway process."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx

from serinus.core.errors import SerinusError, ServingUnavailable
from serinus.core.observation import ServingObservation
from serinus.core.plan import Role, ServingPlan
from serinus.local.deployments import RunningDeployment
from serinus.local.environment import owner_of
from serinus.local.files import atomic_write_text
from serinus.local.gateway import Gateway
from serinus.local.process import strays
from serinus.local.records import ServingRecord, read_serving_record
from serinus.local.revisions import Command, Replica, RunningRevision, Surroundings
from serinus.local.routes import LoadedRoutes, Route, loaded_when, parse_service, route_name
from serinus.local.standby import Standby
from serinus.ports import Key

logger = logging.getLogger(__name__)

MODE = "Local"
PROBE_TIMEOUT_SECONDS = 2.0
UNSETTLED_POLL_SECONDS = 0.05
SETTLED_POLL_SECONDS = 1.0
TROUBLE_POLL_SECONDS = 0.5
# A file watcher can miss a change; a gateway that has not loaded its routes by then is told again.
TELL_AGAIN_SECONDS = 3.0
# Requests that the gateway accepted just before it loaded new routes are still on their way to the old servers.
DRAIN_SECONDS = 0.5
# A slow predictor may have a queue; it ends by itself once that is answered or its own grace has passed.
KILL_DRAINED_AFTER_SECONDS = 30.0


class LocalServing:
    """Implements serinus.ports.ServingBackend. `folder` holds its state, logs and the gateway's files.

    Processes outlive a crash of this program: `start` adopts those that still run and ends those that nobody wants.
    `told`: options of a deployment's predictors that are no part of a revision; when they change, predictors are replaced
    one by one. `environment`: variables of theirs. `others`: processes of an earlier run that somebody else takes over.
    """

    def __init__(
        self, folder: Path, gateway: Gateway, command: Command, *,
        told: Callable[[Key], tuple[str, ...]] = lambda _: (),
        environment: Mapping[str, str] | None = None,
        others: Callable[[], set[int]] = set,
    ) -> None:  # fmt: skip
        self._folder = folder
        self._gateway = gateway
        self._woken = asyncio.Event()
        self._client = httpx.AsyncClient(
            timeout=PROBE_TIMEOUT_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._standby = Standby(folder / "logs" / "standby.log")
        self._around = Surroundings(
            folder,
            command,
            self._client,
            self._woken.set,
            told=told,
            environment=environment or {},
            spawn=self._standby.spawn,
        )
        self._others = others
        self._deployments: dict[Key, RunningDeployment] = {}
        self._remembered = ""
        self._remembering = asyncio.Lock()
        self._unsettled_since: float | None = None
        self._loaded: LoadedRoutes | None = None
        self._settling: asyncio.Task[None] | None = None
        self._ending: dict[Replica, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Take over what an earlier run left, and begin to work in the background.

        Raises PortInUse, ServingUnavailable, StateUnwritable.
        """
        former = read_serving_record(self._record_file)
        await self._end_strays(former.pids() | self._gateway.former_pids() | self._others())
        await self._gateway.start()
        for record in former.deployments:
            key = Key(record.namespace, record.name)
            self._deployments[key] = RunningDeployment(key, self._around, record)
        self._settling = asyncio.create_task(self._settle_forever(), name="settle serving")

    async def close(self, *, keep: bool = False) -> None:
        """Stop working; end all processes, unless `keep` leaves them serving for the next run to adopt."""
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
        for draining in self._ending.values():
            draining.cancel()
        # Clients are refused first, so that none is answered by a gateway without servers.
        await self._gateway.close(keep=keep)
        serving = [replica.supervised for replica in self._replicas()]
        await asyncio.gather(
            *(replica.supervised.stop() for replica in self._ending),
            *(one.release() if keep else one.stop() for one in serving),
        )
        await self._standby.close()
        await self._client.aclose()
        if (
            self._settling is not None
        ):  # a start that failed adopted nothing, and must not forget what an earlier run left
            await self._remember()

    async def observe(self, key: Key) -> ServingObservation:
        """What runs, and the weights that the gateway itself says it works with. Raises ServingUnavailable."""
        self._raise_if_stopped()
        loaded = await self._gateway.loaded()
        weights = loaded.weights.get(route_name(key), {})
        names = {service: parse_service(service) for service in weights}
        mirror = loaded.mirrors.get(route_name(key))
        mirrored = parse_service(mirror.service) if mirror else None
        deployment = self._deployments.get(key)
        return ServingObservation(
            revisions=deployment.statuses(loaded.servers) if deployment else {},
            weights={name.revision: weights[service] for service, name in names.items() if name},
            url=f"{self._gateway.url}/v1/models/{key.name}:predict",
            mode=MODE,
            known=deployment.known() if deployment else {},
            stable=deployment.stable() if deployment else "",
            mirror={mirrored.revision: mirror.percent} if mirror and mirrored else {},
            addresses=deployment.addresses() if deployment else {},
        )

    def replicas(self, key: Key, revision: str) -> dict[str, str]:
        """URLs of the replicas of a revision that answer, by name; a replica that is started again keeps its name."""
        deployment = self._deployments.get(key)
        running = deployment.revisions.get(revision) if deployment else None
        ready = [one for one in running.replicas if one.supervised.ready] if running else []
        return {f"{revision}-{replica.number}": replica.url for replica in ready}

    async def apply(self, key: Key, plan: ServingPlan) -> None:
        """Begin to make the world match `plan`. Raises ServingUnavailable, StateUnwritable."""
        self._raise_if_stopped()
        # The log of a rejected predictor stays; its process is not needed to look at it.
        plan = replace(plan, served=tuple(one for one in plan.served if one.role is not Role.REJECTED))
        deployment = self._deployments.setdefault(key, RunningDeployment(key, self._around))
        if deployment.plan != plan:
            deployment.accept(plan)
            self._woken.set()
        await self._remember()

    @property
    def _record_file(self) -> Path:
        return self._folder / "serving.json"

    def _replicas(self) -> list[Replica]:
        running = [one for deployment in self._deployments.values() for one in deployment.revisions.values()]
        return [replica for revision in running for replica in revision.everyone()]

    def _raise_if_stopped(self) -> None:
        if self._settling is None or self._settling.done():
            reason = self._settling and not self._settling.cancelled() and self._settling.exception()
            raise ServingUnavailable(f"the local serving backend is not running ({reason or 'not started'}); start it")

    async def _end_strays(self, known: set[int]) -> None:
        """End what an earlier run started without having had the time to write it down."""
        found = await asyncio.to_thread(strays, owner_of(self._folder), known)
        await asyncio.gather(*(process.end() for process in found))

    async def _settle_forever(self) -> None:
        while True:
            try:
                pause = SETTLED_POLL_SECONDS if await self._settle() else UNSETTLED_POLL_SECONDS
            except SerinusError as error:
                logger.warning("%s", error)
                pause = TROUBLE_POLL_SECONDS
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._woken.wait()
            self._woken.clear()

    async def _settle(self) -> bool:
        """One step towards the plans; True once the gateway works as told and nothing superfluous is left."""
        for deployment in self._deployments.values():
            deployment.shift()
        # Before it is written down: a server that answers meanwhile must not be routed to before it is remembered,
        # or the run after a crash would take it out of service until it has probed it.
        routes = self._routes()
        await self._remember()
        if await self._gateway.publish(routes, again=self._is_overdue()):
            self._loaded = None
        if loaded_when(routes) != self._loaded:
            self._loaded = await self._gateway.loaded()
        # Asked anew: while the gateway was, a plan may have been applied or a process may have died.
        if loaded_when(self._routes()) != self._loaded:
            return False
        self._unsettled_since = None
        if self._renew(self._loaded):
            return False  # what was replaced must leave the gateway before it is ended
        self._retire()
        return True

    def _routes(self) -> list[Route]:
        return [route for deployment in self._deployments.values() if (route := deployment.route())]

    def _is_overdue(self) -> bool:
        """Whether the gateway should be told again, which starts the wait anew."""
        now = asyncio.get_running_loop().time()
        if self._unsettled_since is None:
            self._unsettled_since = now
        overdue = now - self._unsettled_since > TELL_AGAIN_SECONDS
        if overdue:
            self._unsettled_since = now
        return overdue

    def _renew(self, loaded: LoadedRoutes) -> bool:
        """Go on replacing predictors that were told something else than is to be told now; says whether any step was taken."""
        running = [one for deployment in self._deployments.values() for one in deployment.revisions.values()]
        steps = [one.renew(loaded.servers.get(one.service, ())) for one in running]
        return any(steps)

    def _retire(self) -> None:
        """Begin to end what the gateway no longer sends requests to."""
        for deployment in self._deployments.values():
            for revision in deployment.retired():
                del deployment.revisions[revision.revision.id]
                self._end(revision, revision.everyone())
            for revision in deployment.revisions.values():
                self._end(revision, revision.surplus() if revision.wanted else [])
        self._deployments = {key: one for key, one in self._deployments.items() if not one.is_gone()}

    def _end(self, revision: RunningRevision, replicas: list[Replica]) -> None:
        for replica in list(replicas):
            revision.forget(replica)
            self._ending[replica] = asyncio.create_task(self._drain(replica), name="drain a predictor")

    async def _drain(self, replica: Replica) -> None:
        """Let requests in flight end, then end the process (which finishes what it still has)."""
        await asyncio.sleep(DRAIN_SECONDS)
        await replica.supervised.stop(KILL_DRAINED_AFTER_SECONDS)
        self._around.ports.discard(replica.port)
        del self._ending[replica]

    async def _remember(self) -> None:
        """Write down what runs, if it has changed. Raises StateUnwritable."""
        async with self._remembering:
            record = ServingRecord(deployments=tuple(one.record() for one in self._deployments.values()))
            text = record.model_dump_json(by_alias=True, indent=1)
            if text != self._remembered:
                await asyncio.to_thread(atomic_write_text, self._record_file, text)
                self._remembered = text
