"""Finding free TCP ports on this machine."""

import random
import socket

from serinus.core.errors import PortInUse, ServingUnavailable

HOST = "127.0.0.1"
# Below the ranges from which Linux (32768+) and macOS (49152+) take ports for outgoing connections: a client that
# connects to a dead server's port inside that range can end up connected to itself, and then holds the port.
CHILD_PORTS = range(20_000, 32_000)
ATTEMPTS = 200


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """A port for a child process that nobody listens on and that is not in `taken`."""
    for port in random.sample(CHILD_PORTS, ATTEMPTS):
        if port not in taken and is_free(port):
            return port
    raise ServingUnavailable(
        f"no free port found between {CHILD_PORTS.start} and {CHILD_PORTS.stop - 1}; "
        "end some of the programs that listen there"
    )


def require_free(port: int, flag: str) -> None:
    """Raise PortInUse, naming the command-line flag that chooses another port."""
    if not is_free(port):
        raise PortInUse(f"port {port} is taken by another process; end that process or choose another port with {flag}")
