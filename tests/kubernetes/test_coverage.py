"""Which kinds are watched, while they come and go and are allowed or not."""

import asyncio
import logging

import pytest
from lightkube.config.kubeconfig import KubeConfig

from serinus.adapters.kubernetes_objects import GATEWAY_CLASS, HTTP_ROUTE, MODEL_DEPLOYMENT
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.coverage import Coverage
from serinus.kubernetes.discovery import WATCHED, Discovery
from serinus.kubernetes.intake import Intake
from serinus.kubernetes.relist import CHUNK, Relist
from serinus.kubernetes.watches import Watches
from serinus.ports import Key
from tests.kubernetes.fake_api import FakeApiServer
from tests.kubernetes.samples import KEY, route


class World:
    def __init__(self) -> None:
        self.server, self.cache, self.woken = FakeApiServer(), ObjectCache(), list[Key]()
        intake, api = Intake(self.cache, self.woken.append), self.server.api()
        self.watches = Watches(KubeConfig.from_server("http://api.test").get(), (), intake)
        self.discovery = Discovery(api)
        self.coverage = Coverage(self.discovery, Relist(api, self.cache, intake, ()), intake, self.watches)

    def update(self) -> None:
        asyncio.run(self.coverage.update())

    def knows_route(self) -> bool:
        return self.cache.get(HTTP_ROUTE, "ml", "flight") is not None


def test_a_kind_that_must_not_be_listed_is_watched_once_it_may(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.server.forbidden = {GATEWAY_CLASS}
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            world.update()
    assert world.watches.kinds == tuple(kind for kind in WATCHED if kind != GATEWAY_CLASS)
    assert len([line for line in caplog.messages if "GatewayClass objects are not watched" in line]) == 1
    assert world.discovery.forbidden == {GATEWAY_CLASS}
    world.server.forbidden = set()
    world.update()
    assert world.watches.kinds == WATCHED
    assert not world.discovery.forbidden


def test_what_is_watched_already_is_not_listed_again() -> None:
    world = World()
    world.server.kinds -= {HTTP_ROUTE}
    world.update()
    world.server.paths.clear()
    world.server.kinds |= {HTTP_ROUTE}
    world.update()
    assert [path for path in world.server.paths if "limit=" in path] == [
        f"GET /apis/gateway.networking.k8s.io/v1/httproutes?limit={CHUNK}"
    ]


def test_a_kind_that_goes_takes_its_objects_along_and_brings_them_back() -> None:
    world = World()
    world.server.put(HTTP_ROUTE, route())
    world.update()
    world.woken.clear()
    world.server.kinds -= {HTTP_ROUTE}
    world.update()
    assert not world.knows_route()
    assert HTTP_ROUTE not in world.watches.kinds
    assert world.woken == [KEY]
    world.server.kinds |= {HTTP_ROUTE}
    world.update()
    assert world.knows_route(), "the same object as before, with the same uid"
    assert world.woken == [KEY, KEY]


def test_a_cluster_without_our_own_kind_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.server.kinds -= {MODEL_DEPLOYMENT}
    for _ in range(3):
        world.update()
    assert caplog.text.count("install the CustomResourceDefinition") == 1
