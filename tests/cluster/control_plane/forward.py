"""Lets people and tests into the namespace: ports of the loopback address outside lead to addresses inside.

Started inside the namespace with sockets that were opened outside: a socket stays where it was made.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from tests.cluster.control_plane import pipes
from tests.cluster.control_plane.layout import REPOSITORY
from tests.cluster.control_plane.processes import Record, Starter

Address = tuple[str, int]
HAND_OVER = """
import socket, sys
number, host, port = sys.argv[1:]
listener = socket.create_server((host, int(port)), backlog=64)
socket.send_fds(socket.socket(fileno=int(number)), [b"."], [listener.fileno()])
"""


def start(starter: Starter, targets: Mapping[str, Address], name: str = "forward") -> tuple[Record, dict[str, int]]:
    """Start forwarding to each target, in a process of that name; returns the port of each."""
    listeners = {target: socket.create_server(("127.0.0.1", 0), backlog=1024) for target in targets}
    pairs = [(listener.fileno(), *targets[target]) for target, listener in listeners.items()]
    argv = [sys.executable, "-m", "tests.cluster.control_plane.forward", json.dumps(pairs)]
    record = starter.start(name, argv, folder=REPOSITORY, sockets=[one.fileno() for one in listeners.values()])
    ports = {target: listener.getsockname()[1] for target, listener in listeners.items()}
    for listener in listeners.values():
        listener.close()
    return record, ports


def listen_inside(prefix: Sequence[str], address: Address) -> socket.socket:
    """A listening socket inside the namespace, for this process, which is outside."""
    ours, its = socket.socketpair()
    argv = [*prefix, sys.executable, "-c", HAND_OVER, str(its.fileno()), *map(str, address)]
    with ours, its:
        subprocess.run(argv, pass_fds=[its.fileno()], check=True)
        _, (listener,), _, _ = socket.recv_fds(ours, 1, 1)
    return socket.socket(fileno=listener)


async def forward(pairs: list[tuple[int, str, int]]) -> None:
    """Forward until the process is ended."""
    servers = [
        await pipes.serve(socket.socket(fileno=number), partial(_same, (host, port))) for number, host, port in pairs
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _same(address: Address) -> Address:
    return address


if __name__ == "__main__":
    asyncio.run(forward(json.loads(sys.argv[1])))
