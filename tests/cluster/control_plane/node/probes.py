"""Ask a container whether it has started, lives and is ready, as its probes say."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import httpx
from lightkube.models.core_v1 import Container, HTTPGetAction, Probe

DEFAULT_PERIOD_SECONDS = 10
DEFAULT_FAILURES = 3
SUCCESS = range(200, 400)
Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Target:
    """The container that is probed. `enter`: the command that runs another one inside of it."""

    container: Container
    address: str
    enter: Sequence[str]


def check_of(probe: Probe, target: Target) -> Check:
    """The question that a probe asks. An answer that is too late is no."""
    timeout = float(probe.timeoutSeconds or 1)

    async def check() -> bool:
        try:
            async with asyncio.timeout(timeout):
                return await _ask(probe, target)
        except (TimeoutError, OSError, httpx.HTTPError):
            return False

    return check


async def watch(probe: Probe, check: Check, changed: Callable[[bool], None]) -> None:
    """Ask again and again; `changed` hears of it when thresholds are reached, and then at each further answer."""
    successes = failures = 0
    await asyncio.sleep(probe.initialDelaySeconds or 0)
    while True:
        if await check():
            successes, failures = successes + 1, 0
        else:
            successes, failures = 0, failures + 1
        if successes >= (probe.successThreshold or 1):
            changed(True)
        elif failures >= (probe.failureThreshold or DEFAULT_FAILURES):
            changed(False)
        await asyncio.sleep(probe.periodSeconds or DEFAULT_PERIOD_SECONDS)


async def _ask(probe: Probe, target: Target) -> bool:
    if probe.exec:
        process = await asyncio.create_subprocess_exec(
            *target.enter,
            *(probe.exec.command or ()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
    if probe.httpGet:
        return await http_get(probe.httpGet, target)
    port = probe.tcpSocket.port if probe.tcpSocket else (probe.grpc.port if probe.grpc else None)
    assert port is not None, "a probe that passed the API server has an action"
    _, writer = await asyncio.open_connection(target.address, port_of(port, target.container))
    writer.close()
    return True


async def http_get(action: HTTPGetAction, target: Target) -> bool:
    """Whether a GET is answered by a code from 200 to 399. Raises OSError, httpx.HTTPError."""
    scheme, host = (action.scheme or "HTTP").lower(), action.host or target.address
    url = f"{scheme}://{host}:{port_of(action.port, target.container)}{action.path or '/'}"
    headers = {header.name: header.value for header in action.httpHeaders or ()}
    # A kubelet does not verify the certificate either.
    async with httpx.AsyncClient(verify=False, trust_env=False, timeout=None) as client:
        answer = await client.get(url, headers={"User-Agent": "kube-probe/serinus-test", **headers})
    return answer.status_code in SUCCESS


def port_of(port: int | str, container: Container) -> int:
    """A port by number, or by the name that the container gives it."""
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    return next((one.containerPort for one in container.ports or () if one.name == port), 0)
