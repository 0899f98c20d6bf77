"""The collector process beside the gateway: there when a ModelDeployment needs one, with its files in the state folder."""

import json
import logging
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import httpx
from pydantic import ValidationError

from serinus.core.collecting import Collecting
from serinus.core.errors import StateUnwritable
from serinus.core.model import Frozen
from serinus.local.environment import child_environment
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.local.process import Process, ProcessRecord
from serinus.local.sockets import HOST, free_port, is_free
from serinus.local.supervised import Program, Supervised

logger = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 2.0
# It writes down what it has taken within 20 s of being asked to end.
KILL_AFTER_SECONDS: Final = 25.0
RECORD: Final = "collector.json"
FATAL_CODES: Final = frozenset({2})
LOSSES_VARIABLE: Final = "SERINUS_COLLECTOR_LOSSES"
TOKEN_FILE_VARIABLE: Final = "SERINUS_COLLECTOR_TOKEN_FILE"  # which its process inherits
KEY_VARIABLE: Final = "SERINUS_LOG_KEY"


class CollectorRecord(Frozen):
    """What is known of the collector across runs of this program. `losses`: what it was started to judge by."""

    port: int
    url: str
    process: ProcessRecord | None = None
    losses: tuple[str, ...] = ()


class LocalCollector:
    """One collector on a port that it keeps, started when it is first needed, started again when it dies.

    Its SQLite database and the prediction log outlive it, so that what was acknowledged is there in the next run.
    """

    def __init__(self, folder: StateFolder) -> None:
        self._owner = folder.root
        self._folder = folder.collector
        self._record_file = self._folder / RECORD
        self._former = _read_record(self._record_file)
        self._record = CollectorRecord(port=(port := self._port()), url=f"http://{HOST}:{port}")
        self._supervised: Supervised | None = None
        self._client = httpx.AsyncClient(
            timeout=ANSWER_SECONDS, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    @property
    def url(self) -> str:
        """Where it answers, whether or not it runs."""
        return self._record.url

    @property
    def log(self) -> Path:
        """What it writes."""
        return self._folder / "collector.log"

    @property
    def problem(self) -> str:
        """Why it does not work, as a person should read it; empty while it does, or has just been started."""
        supervised = self._supervised
        return supervised.message if supervised and not supervised.ready else ""

    def former_pids(self) -> set[int]:
        """The process that an earlier run left, if it is known."""
        return {self._former.process.pid} if self._former and self._former.process else set()

    async def follow(self, wanted: Collecting | None) -> None:
        """Have it run if anything is wanted of it. Once started it stays: labels come late."""
        if self._supervised is None:
            await self._adopt()
        if wanted is None and self._supervised is None:
            return
        losses = wanted.losses if wanted else self._record.losses
        if self._supervised is not None and losses == self._record.losses:
            return
        await self._end()
        self._record = self._record.model_copy(update={"losses": losses})
        self._supervise(None)

    async def close(self, *, keep: bool = False) -> None:
        """End the process, or let it work on for the next run to adopt."""
        if self._supervised is not None and keep:
            await self._supervised.release()
        else:
            await self._end()
        await self._client.aclose()

    async def _adopt(self) -> None:
        former, self._former = self._former, None
        living = Process.find(former.process) if former and former.process else None
        if living and former:
            self._record = former
            self._supervise(living)

    async def _end(self) -> None:
        if self._supervised is not None:
            await self._supervised.stop(KILL_AFTER_SECONDS)
            self._supervised = None
            self._note_change()

    def _supervise(self, living: Process | None) -> None:
        self._supervised = Supervised(self._program(), self._client, self._note_change, process=living, was_ready=True)
        self._supervised.start()

    def _program(self) -> Program:
        return Program(
            name="the collector",
            log=self.log,
            argv=self._argv,
            ready_url=lambda: f"{self.url}/readyz",
            environment={**child_environment(self._owner), **self._told()},
            fatal_codes=FATAL_CODES,
        )

    def _argv(self) -> list[str]:
        folder = self._folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        places = [
            "--database",
            f"sqlite:///{folder / 'collector.db'}",
            "--log-root",
            str(folder / "log"),
        ]
        return [sys.executable, "-m", "serinus.collector", "--host", HOST, "--port", str(self._record.port), *places]

    def _told(self) -> Mapping[str, str]:
        """The losses of the ModelDeployment, unless a person has named some."""
        if not self._record.losses or LOSSES_VARIABLE in os.environ:
            return {}
        return {LOSSES_VARIABLE: json.dumps({"*": self._record.losses})}

    def _port(self) -> int:
        """The former one, so that predictors that still run find it, unless another program has taken it."""
        if self._former and (self._lives(self._former) or is_free(self._former.port)):
            return self._former.port
        return free_port()

    def _lives(self, former: CollectorRecord) -> bool:
        return former.process is not None and Process.find(former.process) is not None

    def _note_change(self) -> None:
        """Remember the process. If that fails, the next run finds it by its environment and replaces it."""
        process = self._supervised.record if self._supervised else None
        record = self._record.model_copy(update={"process": process})
        try:
            atomic_write_text(self._record_file, record.model_dump_json(by_alias=True, indent=1))
        except StateUnwritable as error:
            logger.warning("%s", error)


def known_url(folder: StateFolder) -> str:
    """Where the collector of this folder answers, or did when it ran; empty where none has been started."""
    record = _read_record(folder.collector / RECORD)
    return record.url if record else ""


def _read_record(file: Path) -> CollectorRecord | None:
    try:
        return CollectorRecord.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        return None


def key_of_hashes(folder: StateFolder) -> str:
    """The key that inputs are hashed with: the environment's, else one that is made once. Raises StateUnwritable."""
    if given := os.environ.get(KEY_VARIABLE):
        return given
    path = folder.collector / "hash.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StateUnwritable(f"cannot write {path}: {error.strerror}; make the folder writable") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secrets.token_hex(32))
    return path.read_text(encoding="utf-8")
