"""One predictor that waits with everything imported, so that the next to start is up within a second."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from serinus.local.process import Process, fresh_log

PREDICTOR = [sys.executable, "-m", "serinus.predictor"]
STANDBY = [sys.executable, "-m", "serinus.predictor.standby"]
RESPITE_SECONDS = 4.0  # the predictor that was just started comes up first
END_SECONDS = 5.0


class Standby:
    """Starts processes. Of predictors, it keeps one more than is asked for, from the first on.

    That costs the memory of an interpreter with its libraries, some 250 MB. It ends when this program does, however.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        self._waiting: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}
        self._next: asyncio.TimerHandle | None = None

    def spawn(self, argv: Sequence[str], log: Path, environment: Mapping[str, str]) -> Process:
        """As Process.spawn, by the predictor that waits where it can do it. Raises OSError."""
        if list(argv[:3]) != PREDICTOR:
            return Process.spawn(argv, log, environment)
        process = self._told(argv[3:], log) if environment == self._environment else None
        self._prepare_later(environment)
        return process or Process.spawn(argv, log, environment)

    async def close(self) -> None:
        """End what waits."""
        if self._next is not None:
            self._next.cancel()
        await asyncio.to_thread(self._dismiss)

    def _told(self, arguments: Sequence[str], log: Path) -> Process | None:
        waiting = self._waiting
        if waiting is None or waiting.stdin is None or waiting.poll() is not None:
            return None
        fresh_log(log)
        order = {"arguments": list(arguments), "log": str(log.resolve())}
        try:
            waiting.stdin.write(json.dumps(order).encode() + b"\n")
            waiting.stdin.close()
        except OSError:  # it has ended since
            return None
        self._waiting = None
        return Process.of(waiting)

    def _prepare_later(self, environment: Mapping[str, str]) -> None:
        if self._next is not None:
            self._next.cancel()
        self._next = asyncio.get_running_loop().call_later(RESPITE_SECONDS, self._prepare, dict(environment))

    def _prepare(self, environment: dict[str, str]) -> None:
        if self._waiting is not None and self._waiting.poll() is None and environment == self._environment:
            return
        self._dismiss()
        fresh_log(self._log)
        with self._log.open("wb") as output:
            self._waiting = subprocess.Popen(
                STANDBY,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
        self._environment = environment

    def _dismiss(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        waiting.kill()  # it has nothing to finish
        waiting.wait(END_SECONDS)
        if waiting.stdin:
            waiting.stdin.close()
