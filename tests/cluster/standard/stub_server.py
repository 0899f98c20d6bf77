"""A model server for pods of the test cluster: answers which revision it is, and behaves as its model's files say."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from tests.local.stub_predictor import Server

BEHAVIOUR = Path("/mnt/models/behaviour.json")
PORT = 8080


class PodServer(Server):
    """`never_ready`: it says so to whoever asks."""

    def content(self, path: str) -> tuple[int, dict[str, object]]:
        if path.endswith("/health/ready"):
            return (503 if self.options.never_ready else 200), {}
        return super().content(path)


async def main(options: argparse.Namespace) -> None:
    Server.options = options
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.get_running_loop().create_server(PodServer, "0.0.0.0", PORT)
    await stop.wait()
    server.close()
    Server.stopping = True
    for connection in list(Server.open_connections):
        connection.finish()
    while Server.open_connections:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--revision", required=True)
    told, _ = parser.parse_known_args()
    behaviour: dict[str, Any] = json.loads(BEHAVIOUR.read_text())
    plain = {"status": 200, "delay_seconds": 0.0, "never_ready": False, "exit_code": 0, "say": ""}
    return argparse.Namespace(revision=told.revision, **plain | behaviour)


if __name__ == "__main__":
    chosen = options()
    if chosen.exit_code:
        print(chosen.say, file=sys.stderr, flush=True)
        sys.exit(chosen.exit_code)
    asyncio.run(main(chosen))
