"""What the containers of a pod share: an address of their own, and a host name."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tests.cluster.control_plane.layout import NODE_ADDRESS, POD_CIDR
from tests.cluster.control_plane.processes import Record, forget, write_record

# The next hop of every pod; each pod's end of its cable on the node has this address.
GATEWAY = "169.254.1.1"
PAUSE = 'echo "$1" > /proc/sys/kernel/hostname; echo ready; exec sleep infinity'
_addresses = IPv4Network(POD_CIDR)


class SandboxFailed(Exception):
    """The pod's network could not be made; the message says why."""


@dataclass(frozen=True)
class Sandbox:
    """A made sandbox. `prefix`: the command that runs another one inside of it, with the same pid."""

    address: str
    prefix: tuple[str, ...]
    holder: Record | None = None
    # asyncio kills a child that nothing refers to any more.
    process: asyncio.subprocess.Process | None = None


def host_network() -> Sandbox:
    """For pods that ask for the node's own network."""
    return Sandbox(NODE_ADDRESS, ())


def address_of(number: int) -> str:
    """The address of the pod with this number, from 1."""
    return str(_addresses[number + 1])


def number_of(address: str | None) -> int:
    """The number of the pod with this address; 0 for one that is none of ours."""
    if not address or IPv4Address(address) not in _addresses:
        return 0
    return int(IPv4Address(address)) - int(_addresses.network_address) - 1


async def make_sandbox(records: Path, name: str, hostname: str, number: int) -> Sandbox:
    """A network namespace with one cable to the node, held open by a process that only waits."""
    holder = await asyncio.create_subprocess_exec(
        *("unshare", "--net", "--uts", "--", "sh", "-c", PAUSE, "sh", hostname),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    record = write_record(records, name, holder.pid)
    assert holder.stdout is not None
    try:
        if not await holder.stdout.readline():
            raise SandboxFailed("unshare could not make a network namespace")
        prefix = await _connect(holder.pid, number)
    except BaseException:
        holder.kill()
        forget(records, record)
        raise
    return Sandbox(address_of(number), prefix, record, holder)


async def _connect(holder: int, number: int) -> tuple[str, ...]:
    """Lay the cable; returns the command that enters the namespace."""
    address, cable = address_of(number), f"pod{number}"
    await _ip(
        (),
        f"link add {cable} type veth peer name eth0 netns {holder}",
        f"addr add {GATEWAY}/32 dev {cable}",
        f"link set {cable} up",
        f"route replace {address}/32 dev {cable} src {NODE_ADDRESS}",
    )
    prefix = ("nsenter", f"--net=/proc/{holder}/ns/net", f"--uts=/proc/{holder}/ns/uts", "--")
    await _ip(
        prefix,
        "link set lo up",
        f"addr add {address}/32 dev eth0",
        "link set eth0 up",
        f"route add {GATEWAY} dev eth0 scope link",
        f"route add default via {GATEWAY}",
    )
    return prefix


async def _ip(prefix: Sequence[str], *commands: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *prefix,
        *("ip", "-batch", "-"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate("\n".join(commands).encode())
    if process.returncode:
        raise SandboxFailed(f"ip: {said.decode().strip()}")


def as_user(user: int, group: int) -> tuple[str, ...]:
    """The command that runs another one without root; in a user namespace there is only one user to be."""
    if user == 0 or _in_user_namespace():
        return ()
    return ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs")


def _in_user_namespace() -> bool:
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"] or os.geteuid() != 0
