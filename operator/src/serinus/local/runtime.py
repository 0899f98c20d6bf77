"""The loop of the embedded runtime: read the file, read requests of people, reconcile, until told to stop."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from serinus.core.collecting import collecting
from serinus.core.decision import Decision
from serinus.core.errors import SerinusError
from serinus.core.observation import Action
from serinus.core.rollout import soonest
from serinus.core.spec import ModelDeployment
from serinus.local.collector import LocalCollector
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.local.mailbox import pick_up_request
from serinus.local.serving import LocalServing
from serinus.local.source import DeploymentFile
from serinus.local.state import read_state
from serinus.ports import Key
from serinus.reconcile import Reconciler

POLL_SECONDS = 0.2
TROUBLE_SECONDS = 1.0


@dataclass(frozen=True)
class Report:
    """What happened in one turn of the loop: a decision, or something else that a person should read."""

    decision: Decision | None = None
    note: str = ""


Listener = Callable[[Report], None]


class Closing(Protocol):
    """Something with connections."""

    async def close(self) -> None:
        """End them."""
        ...


class LocalRuntime:
    """Serves one ModelDeployment file until it is stopped. The state folder is locked meanwhile."""

    def __init__(
        self,
        folder: StateFolder,
        source: DeploymentFile,
        reconciler: Reconciler,
        serving: LocalServing,
        collector: LocalCollector,
        *,
        url: str,
        closing: Sequence[Closing] = (),
    ) -> None:
        self.folder = folder
        self.source = source
        self._reconciler = reconciler
        self._serving = serving
        self._url = url
        self._collector = collector
        self._closing = closing
        self._written: ModelDeployment | None = None
        self._trouble = ""
        self._retraining = ""

    @property
    def key(self) -> Key:
        """The deployment it serves."""
        return self.source.key

    @property
    def collector_url(self) -> str:
        """Where labels go, if the deployment has a collector."""
        return self._collector.url

    async def run(self, stop: asyncio.Event, listen: Listener) -> None:
        """Serve until `stop` is set; then the processes end and the state stays.

        Raises StateLocked, StateUnreadable, StateUnwritable, PortInUse, ServingUnavailable (no gateway).
        """
        with self.folder.locked():
            read_state(self.folder.state(self.key))  # raises before what still serves is touched
            try:
                await self._serving.start()
                listen(Report(note=f"clients of {self.key} call {self._url}; the state is in {self.folder.root}"))
                while not stop.is_set():
                    await self._wait(stop, await self.turn(listen))
            finally:
                await asyncio.shield(self._close())

    async def _close(self) -> None:
        """The collector after the serving side: predictors tell it of their latest answers when they end."""
        await self._serving.close()
        await self._collector.close()
        await asyncio.gather(*(one.close() for one in self._closing))

    async def turn(self, listen: Listener) -> float:
        """One reconcile; returns the seconds until the next is due. Trouble that may pass is reported and tried again."""
        self.source.refresh()
        try:
            await self._remember_spec()
            await self._collector.follow(collecting(self.source.deployment.spec))
            decision = await self._reconciler.reconcile(self.key, self.source.deployment, self._request())
        except SerinusError as error:
            if not error.retriable:
                raise
            self._report_trouble(str(error), listen)
            return TROUBLE_SECONDS
        self._report_trouble(self.source.problem or self._collector.problem, listen)
        self._report_retraining(decision, listen)
        listen(Report(decision))
        due = soonest(decision.requeue_after, decision.changes_in) or decision.requeue_after
        return 0.0 if decision.changed else due.total_seconds()

    def _request(self) -> Action | None:
        return pick_up_request(self.folder, self.key)

    def _report_trouble(self, trouble: str, listen: Listener) -> None:
        """Say it once, not every turn."""
        if trouble and trouble != self._trouble:
            listen(Report(note=trouble))
        self._trouble = trouble

    def _report_retraining(self, decision: Decision, listen: Listener) -> None:
        """Say how retraining stands whenever that has changed."""
        memory = decision.next_state.retraining
        told = f"retraining  {memory.reason}: {memory.message}" if memory else ""
        if told != self._retraining and told:
            listen(Report(note=told))
        self._retraining = told

    async def _remember_spec(self) -> None:
        """What `serinus get` shows beside the state."""
        deployment = self.source.deployment
        if deployment != self._written:
            text = deployment.model_dump_json(by_alias=True, indent=1)
            await asyncio.to_thread(atomic_write_text, self.folder.spec(self.key), text)
            self._written = deployment

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        """Wait, but not past a stop, a changed file or a request of a person."""
        loop = asyncio.get_running_loop()
        until, asked = loop.time() + max(seconds, POLL_SECONDS), self._request()
        while not stop.is_set() and loop.time() < until and not self.source.changed() and self._request() == asked:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_SECONDS)
