"""Stands for kube-proxy and for the cluster's DNS: connects ClusterIPs to pods, and names to ClusterIPs."""

import asyncio
import os
import random
import socket
from collections.abc import Iterable
from functools import partial
from ipaddress import ip_address, ip_network

from lightkube.resources.core_v1 import Service
from lightkube.resources.discovery_v1 import EndpointSlice

from tests.cluster.control_plane import pipes
from tests.cluster.control_plane.layout import NODE_ADDRESS, POD_CIDR, Layout
from tests.cluster.control_plane.node.api import Api
from tests.cluster.control_plane.node.watching import follow

Key = tuple[str, str]
Address = tuple[str, int]
SERVICE_LABEL = "kubernetes.io/service-name"
HOSTS = "127.0.0.1 localhost\n"
# Many changes at once are one change of the file.
WRITE_AFTER_SECONDS = 0.1


class Proxy:
    """Follows Services and EndpointSlices. Only addresses behind which something really runs are listened on."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._api = Api.of(layout.kubeconfig_of("kubelet"))
        self._services: dict[Key, Service] = {}
        self._slices: dict[Key, dict[str, EndpointSlice]] = {}
        self._servers: dict[Address, asyncio.Server] = {}
        self._changed: set[Key] = set()
        self._written = ""
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        write_hosts(self._layout, HOSTS)
        await asyncio.gather(self._follow_services(), self._follow_slices(), self._apply())

    async def _follow_services(self) -> None:
        async for change in follow(self._api.client, Service):
            key = (change.object.metadata.namespace, change.object.metadata.name)
            if change.gone:
                self._services.pop(key, None)
                await self._close(_addresses(change.object))
            else:
                self._services[key] = change.object
            self._note(key)

    async def _follow_slices(self) -> None:
        async for change in follow(self._api.client, EndpointSlice):
            metadata = change.object.metadata
            key = (metadata.namespace, (metadata.labels or {}).get(SERVICE_LABEL, ""))
            slices = self._slices.setdefault(key, {})
            if change.gone:
                slices.pop(metadata.name, None)
            else:
                slices[metadata.name] = change.object
            self._note(key)

    def _note(self, key: Key) -> None:
        self._changed.add(key)
        self._wake.set()

    async def _apply(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(WRITE_AFTER_SECONDS)
            self._wake.clear()
            changed, self._changed = self._changed, set()
            for key in changed:
                await self._listen(key)
            if (text := HOSTS + "".join(self._names())) != self._written:
                write_hosts(self._layout, text)
                self._written = text

    async def _listen(self, key: Key) -> None:
        service = self._services.get(key)
        for address, name in _ports(service) if service else ():
            if address not in self._servers and self._is_real(key):
                listener = socket.create_server(address)
                self._servers[address] = await pipes.serve(listener, partial(self._choose, key, name))

    async def _close(self, addresses: Iterable[Address]) -> None:
        for address in addresses:
            if server := self._servers.pop(address, None):
                server.close()

    def _choose(self, key: Key, port: str) -> Address | None:
        targets = [target for one in self._slices.get(key, {}).values() for target in _targets(one, port)]
        return random.choice(targets) if targets else None

    def _is_real(self, key: Key) -> bool:
        hosts = {address for one in self._slices.get(key, {}).values() for address in _ready_addresses(one)}
        return any(host == NODE_ADDRESS or ip_address(host) in ip_network(POD_CIDR) for host in hosts)

    def _names(self) -> Iterable[str]:
        for namespace, name in sorted(self._services):
            for host in self._hosts((namespace, name)):
                full = f"{name}.{namespace}.svc.cluster.local"
                # Some ask for it with the dot at the end, by which a resolver knows that nothing is missing.
                yield f"{host} {name}.{namespace} {name}.{namespace}.svc {full} {full}.\n"

    def _hosts(self, key: Key) -> list[str]:
        """What the name of a Service leads to."""
        service = self._services.get(key)
        if service is None or service.spec is None:
            return []
        if service.spec.type == "ExternalName":
            name, _, namespace = (service.spec.externalName or "").partition(".svc")[0].partition(".")
            aimed_at = self._services.get((namespace, name))
            again = aimed_at is not None and aimed_at.spec is not None and aimed_at.spec.type == "ExternalName"
            return [] if again else self._hosts((namespace, name))
        if service.spec.clusterIP not in (None, "", "None"):
            return [str(service.spec.clusterIP)]
        return [host for one in self._slices.get(key, {}).values() for host in _ready_addresses(one)]


def write_hosts(layout: Layout, text: str) -> None:
    """Change the file in its place, because containers see this very file."""
    descriptor = os.open(layout.hosts, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, text.encode(), 0)
        os.ftruncate(descriptor, len(text.encode()))
    finally:
        os.close(descriptor)


def _ports(service: Service) -> list[tuple[Address, str]]:
    """The addresses of a Service that can be listened on, with the names of their ports."""
    spec = service.spec
    if spec is None or not spec.clusterIP or spec.clusterIP == "None":
        return []
    ports = [port for port in spec.ports or () if (port.protocol or "TCP") == "TCP"]
    return [((spec.clusterIP, port.port), port.name or "") for port in ports]


def _addresses(service: Service) -> list[Address]:
    return [address for address, _ in _ports(service)]


def _targets(one: EndpointSlice, port: str) -> list[Address]:
    numbers = [each.port for each in one.ports or () if (each.name or "") == port and each.port]
    return [(host, number) for host in _ready_addresses(one) for number in numbers]


def _ready_addresses(one: EndpointSlice) -> list[str]:
    ready = [each for each in one.endpoints or () if each.conditions is None or each.conditions.ready is not False]
    return [address for each in ready for address in each.addresses]
