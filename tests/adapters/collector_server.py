"""A real collector on SQLite, in a thread of this process."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from serinus.collector.app import build_app
from serinus.collector.compose import Parts
from serinus.collector.database import Database
from serinus.collector.settings import CollectorSettings


class CollectorServer:
    """Listens on `url` until it is stopped."""

    def __init__(self, folder: Path, token_file: str = "") -> None:
        address = f"sqlite:///{folder / 'collector.db'}"
        values = {
            "database": address,
            "log_root": str(folder / "log"),
            "token_file": token_file,
            "_cli_parse_args": [],
        }
        self._database = Database(address)
        self._database.open()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(build_app(Parts(CollectorSettings(**values), self._database)), log_level="warning")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[self._listener])), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """As SIGTERM does."""
        self._server.should_exit = True
        self._thread.join(20)
        self._listener.close()
        self._database.close()


@contextmanager
def collector_server(folder: Path, token_file: str = "") -> Iterator[CollectorServer]:
    server = CollectorServer(folder, token_file)
    try:
        yield server
    finally:
        server.stop()
