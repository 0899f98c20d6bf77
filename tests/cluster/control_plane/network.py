"""A network namespace of its own for each cluster: nothing in it can be reached from, or reaches, anywhere else."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.control_plane import layout
from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.processes import Record, Starter

HOLDER = "namespace"
# Fake pods and Services are local addresses of the namespace, whose ports simply refuse when nobody listens.
LINKS = f"""\
link set lo up
addr add {layout.NODE_ADDRESS}/32 dev lo
addr add {layout.FAKE_NODE_ADDRESS}/32 dev lo
route add local {layout.SERVICE_CIDR} dev lo
route add local {layout.FAKE_POD_CIDR} dev lo
"""
FORWARDING = "for file in all default; do echo 1 > /proc/sys/net/ipv4/conf/$file/forwarding; done"


def require_tools() -> None:
    """Raises ClusterError when the machine lacks what makes namespaces."""
    for tool, package in (("unshare", "util-linux"), ("nsenter", "util-linux"), ("ip", "iproute2")):
        if shutil.which(tool) is None:
            raise ClusterError(f"the test cluster needs `{tool}`; on Debian and Ubuntu: apt install {package}")
    if sys.platform != "linux":
        raise ClusterError("the test cluster needs the network namespaces of Linux; run it in a virtual machine")


def create(records: Path, logs: Path) -> Record:
    """Make a namespace and hold it open by a process that only waits; without root, in a user namespace."""
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    starter = Starter(records, logs)
    holder = starter.start(HOLDER, ["unshare", *user, "--net", "--", "sleep", "infinity"])
    own = os.readlink("/proc/self/ns/net")
    starter.wait(holder, lambda: _namespace_of(holder.pid) not in (None, own) and _is_sleep(holder.pid), seconds=10)
    _run_in(holder, "ip", "-batch", "-", given=LINKS)
    _run_in(holder, "sh", "-c", FORWARDING)
    return holder


def enter(holder: int) -> Sequence[str]:
    """The command that runs another one inside the namespace. It replaces itself, so the pid stays."""
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    return ("nsenter", f"--target={holder}", "--net", *user, "--")


def _run_in(holder: Record, *command: str, given: str = "") -> None:
    done = subprocess.run([*enter(holder.pid), *command], check=False, input=given, text=True, capture_output=True)
    if done.returncode:
        raise ClusterError(f"the network namespace could not be set up: {done.stderr.strip()}")


def _namespace_of(pid: int) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def _is_sleep(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "sleep"
    except OSError:
        return False
