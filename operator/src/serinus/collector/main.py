"""The collector's life: take the database, listen, write what has been taken when asked to stop."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import uvicorn
from pydantic import ValidationError
from pydantic_settings import SettingsError

from serinus.collector.app import build_app
from serinus.collector.compose import Parts
from serinus.collector.database import Database
from serinus.collector.settings import CollectorSettings
from serinus.core.errors import PortInUse, SerinusError

log = logging.getLogger("serinus.collector")

USAGE, FAILED = 2, 3
LOCK_SECONDS: Final = 30.0  # that a collector before this one may take to end
BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 75  # senders that send now and then do not meet a connection that is just being closed
MAX_CONNECTIONS: Final = 2048  # beyond it the answer is 503


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Collect until SIGTERM; ends the process with a documented exit code."""
    settings = _settings(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    log.setLevel(logging.INFO)
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn raises again what it was stopped by
        signal.signal(number, lambda *_: None)
    try:
        asyncio.run(collect(settings))
    except SerinusError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(FAILED)
    log.info("stopped")
    sys.exit(0)


async def collect(settings: CollectorSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises DatabaseUnusable, DatabaseUnavailable, PortInUse."""
    database = Database(settings.database.get_secret_value())
    listener = _bound(settings.host, settings.port)
    await asyncio.to_thread(database.open, LOCK_SECONDS)
    try:
        config = uvicorn.Config(
            build_app(Parts(settings, database)),
            log_level="warning",
            access_log=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(settings.stop_seconds)),
        )
        listener.listen(BACKLOG)
        log.info("ready: http://%s:%d, database %s", settings.host, listener.getsockname()[1], database.shown)
        await uvicorn.Server(config).serve(sockets=[listener])
    finally:
        database.close()


def _settings(arguments: Sequence[str]) -> CollectorSettings:
    """What flags and environment say; a wrong one is one sentence and exit code 2."""
    try:
        return CollectorSettings(_cli_parse_args=list(arguments))
    except ValidationError as error:
        told = "\n".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    except SettingsError as error:
        told = str(error)
    sys.stderr.write(f"{told}\n")
    sys.exit(USAGE)


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what does or choose another --port"
        ) from None
    return listener
