"""`python -m tests.cluster.control_plane.node kubelet|proxy NAME`, inside of the namespace of that cluster."""

import asyncio
import signal
import sys

from tests.cluster.control_plane.layout import Layout
from tests.cluster.control_plane.node.kubelet import Kubelet
from tests.cluster.control_plane.node.proxy import Proxy


async def main(part: str, name: str) -> None:
    """Serve until SIGTERM."""
    served = Kubelet(Layout(name)) if part == "kubelet" else Proxy(Layout(name))
    task = asyncio.ensure_future(served.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
