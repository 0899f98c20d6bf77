"""A revision's predictor processes: as many as are wanted, each supervised."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from serinus.core.observation import RevisionStatus
from serinus.core.revision import Revision
from serinus.local.environment import child_environment
from serinus.local.process import Process
from serinus.local.records import ReplicaRecord, RevisionRecord
from serinus.local.routes import ServiceName
from serinus.local.sockets import HOST, free_port, is_free
from serinus.local.supervised import Program, Spawn, Supervised
from serinus.ports import Key

# What serinus.predictor says with its exit code: the artifact's digest is wrong, the model does not load.
FATAL_CODES = frozenset({3, 4})


@dataclass(frozen=True)
class Launch:
    """What a predictor process is started for. `told`: options that are no part of the revision and may change."""

    key: Key
    revision: Revision
    port: int
    latency_edges_seconds: tuple[float, ...] = ()
    told: tuple[str, ...] = ()


Command = Callable[[Launch], Sequence[str]]


@dataclass(frozen=True)
class Surroundings:
    """What every replica needs: where its state is, how to start it, whom to tell, what it is told (see Launch).

    `spawn` starts its process.
    """

    folder: Path
    command: Command
    client: httpx.AsyncClient
    changed: Callable[[], None]
    ports: set[int] = field(default_factory=set)
    told: Callable[[Key], tuple[str, ...]] = lambda _: ()
    environment: Mapping[str, str] = field(default_factory=dict)
    spawn: Spawn = Process.spawn

    def new_port(self) -> int:
        """A free port that no other replica has been given."""
        port = free_port(frozenset(self.ports))
        self.ports.add(port)
        return port


class Replica:
    """One supervised predictor process on a port of its own."""

    def __init__(self, number: int, launch: Launch, around: Surroundings, former: ReplicaRecord | None = None) -> None:
        self.number = number
        self.port = launch.port
        around.ports.add(self.port)
        self.launch = launch
        self._around = around
        living = Process.find(former.process) if former and former.process else None
        self.supervised = Supervised(
            self._program(), around.client, around.changed, process=living, was_ready=bool(former and former.ready)
        )
        self.supervised.deaths = int(bool(former and former.process) and living is None)
        self.supervised.start()

    @property
    def url(self) -> str:
        """Where the gateway reaches it."""
        return f"http://{HOST}:{self.port}"

    def record(self) -> ReplicaRecord:
        """What the next run needs to know of it."""
        supervised = self.supervised
        return ReplicaRecord(
            number=self.number,
            port=self.port,
            process=supervised.record,
            ready=supervised.was_ready,
            told=self.launch.told,
        )

    def _argv(self) -> Sequence[str]:
        """The command on its former port, so that the gateway need not change, unless another program has taken it."""
        if not is_free(self.port):
            self._around.ports.discard(self.port)
            self.port = self._around.new_port()
        return self._around.command(replace(self.launch, port=self.port))

    def _program(self) -> Program:
        launch = self.launch
        log = f"{launch.key.namespace}.{launch.key.name}.{launch.revision.id}.{self.number}.log"
        return Program(
            name=f"the predictor of {launch.revision.label}",
            log=self._around.folder / "logs" / log,
            argv=self._argv,
            ready_url=lambda: f"{self.url}/v2/health/ready",
            environment={**child_environment(self._around.folder), **self._around.environment},
            fatal_codes=FATAL_CODES,
            spawn=self._around.spawn,
        )


class RunningRevision:
    """The processes of one revision."""

    def __init__(
        self, key: Key, revision: Revision, edges_seconds: tuple[float, ...], around: Surroundings,
        former: RevisionRecord | None = None,
    ) -> None:  # fmt: skip
        self.key = key
        self.revision = revision
        self.wanted = 0
        self.since_ms = former.since_ms if former else _now_ms()
        self._edges_seconds = edges_seconds
        self._around = around
        self._former_restarts = former.restarts if former else 0
        self.replicas = [
            Replica(replica.number, self._launch(replica.port, replica.told), around, replica)
            for replica in (former.replicas if former else ())
        ]
        self.successor: Replica | None = None

    @property
    def service(self) -> str:
        """Its name in the gateway."""
        return str(ServiceName(self.key, self.revision.id, self.since_ms))

    @property
    def restarts(self) -> int:
        """Process deaths since the revision was brought up."""
        return self._former_restarts + sum(replica.supervised.deaths for replica in self.replicas)

    def begin_anew(self) -> None:
        """Count from now on under another name."""
        self.since_ms = max(_now_ms(), self.since_ms + 1)

    def servers(self) -> tuple[str, ...]:
        """The replicas that are ready; if none is, those that were: refused requests then count as its errors."""
        kept = self.replicas[: self.wanted] if self.wanted else self.replicas
        kept = [*kept, self.successor] if self.successor else kept
        ready = tuple(replica.url for replica in kept if replica.supervised.ready)
        return ready or tuple(replica.url for replica in kept if replica.supervised.was_ready)

    def address(self) -> str:
        """Where one of the replicas that answer is reached; empty where none does."""
        return next((one.url for one in self.replicas[: self.wanted] if one.supervised.ready), "")

    def has_ready_server(self) -> bool:
        """Whether any replica answers."""
        return any(replica.supervised.ready for replica in self.replicas)

    def grow(self, wanted: int) -> None:
        """Want `wanted` replicas, and start those that are missing."""
        self.wanted = wanted
        while len(self.replicas) < wanted:
            self.replicas.append(self._new_replica())

    def renew(self, listed: Collection[str]) -> bool:
        """One step towards replicas that were told what is to be told now; says whether it took one.

        A successor is started beside the first that was told something else, and takes its place once the gateway has it
        `listed` by its URL: nobody is refused meanwhile.
        """
        told = self._around.told(self.key)
        outdated = next((one for one in self.replicas[: self.wanted] if one.launch.told != told), None)
        if outdated is None:
            return self._drop_successor()
        if self.successor is None:
            self.successor = self._new_replica()
        elif self.successor.url in listed and self.successor.supervised.ready:
            self.replicas[self.replicas.index(outdated)] = self.successor
            self.replicas.append(outdated)
            self.successor = None
        else:
            return False
        return True

    def _drop_successor(self) -> bool:
        """Nobody is to be replaced any more: it becomes superfluous."""
        if self.successor is None:
            return False
        self.replicas.append(self.successor)
        self.successor = None
        return True

    def everyone(self) -> list[Replica]:
        """Every replica that runs, a successor too."""
        return [*self.replicas, self.successor] if self.successor else list(self.replicas)

    def surplus(self) -> list[Replica]:
        """Replicas beyond those wanted."""
        return self.replicas[self.wanted :]

    def forget(self, replica: Replica) -> None:
        """Leave out a replica that was ended; its deaths still count."""
        self._former_restarts += replica.supervised.deaths
        self._around.ports.discard(replica.port)
        if replica is self.successor:
            self.successor = None
        else:
            self.replicas.remove(replica)

    def status(self, listed: Collection[str]) -> RevisionStatus:
        """How its processes are doing. Ready are those that answer and that the gateway has `listed` by their URL."""
        wanted = self.replicas[: self.wanted]
        supervised = [replica.supervised for replica in wanted]
        ready = sum(replica.supervised.ready and replica.url in listed for replica in wanted)
        return RevisionStatus(
            revision=self.revision.id,
            ready=ready >= self.wanted > 0,
            replicas=self.wanted,
            ready_replicas=ready,
            restarts=self.restarts,
            failed=any(one.failed for one in supervised),
            message=next((one.message for one in supervised if not one.ready and one.message), ""),
        )

    def record(self) -> RevisionRecord:
        """What the next run needs to know of it."""
        return RevisionRecord(
            revision=self.revision,
            since_ms=self.since_ms,
            restarts=self.restarts,
            replicas=tuple(replica.record() for replica in self.replicas),
        )

    def _new_replica(self) -> Replica:
        number = 1 + max((replica.number for replica in self.everyone()), default=-1)
        launch = self._launch(self._around.new_port(), self._around.told(self.key))
        return Replica(number, launch, self._around)

    def _launch(self, port: int, told: tuple[str, ...]) -> Launch:
        return Launch(self.key, self.revision, port, self._edges_seconds, told)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
