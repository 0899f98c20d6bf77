"""Request counters of Traefik as a Gateway API controller: counted where the clients stand, for every backend."""

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.inference_service import entry_service
from serinus.adapters.kubernetes_objects import INFERENCE_SERVICE, REVISION_LABEL, KubernetesObjects, Manifest
from serinus.adapters.scrape import TRAEFIK_LATENCY_BUCKET, TRAEFIK_REQUESTS, traefik_services
from serinus.adapters.scraping import Page, Scraper, Shared, addresses
from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from serinus.ports import Clock, Key

# Many deployments look at the same moment, and a page is about all of them.
FRESH: Final = timedelta(milliseconds=500)
NAMES: Final = (TRAEFIK_REQUESTS + "{", TRAEFIK_LATENCY_BUCKET + "{")
# httproute-<namespace>-<route>-gw-<gateway>-ep-<entry point>-<rule>-<hash>-svc-<namespace>-<Service>-<place>@kubernetesgateway
SERVICE: Final = re.compile(r'service="httproute-[^"]+-[0-9a-f]{20}-svc-([^"]+)-\d+@kubernetesgateway"')


@dataclass(frozen=True)
class Counted:
    """A gateway's page, its lines sorted by the `<namespace>-<Service>` they are about."""

    page: Page
    lines: Mapping[str, Sequence[str]]


class GatewayMetrics:
    """Implements serinus.ports.MetricsSource. Of each URL every address counts as an instance of its own."""

    def __init__(
        self,
        objects: KubernetesObjects,
        urls: Sequence[str],
        scraper: Scraper,
        clock: Clock,
        fresh: timedelta = FRESH,
    ) -> None:
        self._objects = objects
        self._urls = urls
        self._scraper = scraper
        self._counted = Shared(self._scrape, clock, fresh)
        self._started: dict[str, datetime] = {}  # when the newest process began that has answered at an address

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters of the deployment's revisions on every gateway. Raises MetricsUnavailable if none answers."""
        at, counted = await self._counted.get()
        running = self._objects.of(INFERENCE_SERVICE, key)
        samples = (_sample(key, one, gateway) for gateway in counted for one in running)
        return MetricsSnapshot(
            at=at,
            instances=tuple(InstanceUp(one.page.instance, one.page.started_at) for one in counted),
            samples=tuple(sample for sample in samples if sample),
        )

    async def _scrape(self) -> list[Counted]:
        found = [address for url in self._urls for address in await addresses(url)]
        answers = await asyncio.gather(*(self._page(url, host) for url, host in found), return_exceptions=True)
        pages = [answer for answer in answers if isinstance(answer, Page)]
        for answer in answers:
            # A gateway that has just ended may be listed still; one that answers is enough to go on.
            if isinstance(answer, BaseException) and not (pages and isinstance(answer, MetricsUnavailable)):
                raise answer
        return [Counted(page, by_service(page.text.splitlines())) for page in pages]

    async def _page(self, url: str, host: str) -> Page:
        page = await self._scraper.fetch(url, url.split("/")[2], host)
        newest = self._started.setdefault(page.instance, page.started_at)
        if page.started_at < newest:
            # Counters of one process that is taken for another would count twice, at each turn.
            raise MetricsUnavailable(
                f"several gateways answer at {url} in turn; name a headless Service (clusterIP: None), of which each is asked"
            )
        self._started[page.instance] = page.started_at
        return page


def by_service(lines: Iterable[str]) -> dict[str, list[str]]:
    """The lines about HTTPRoutes' backends, by `<namespace>-<Service>`: parsing all of a page for each would be slow."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if line.startswith(NAMES) and (match := SERVICE.search(line)):
            found[match[1]].append(line)
    return found


def _sample(key: Key, running: Manifest, gateway: Counted) -> CounterSample | None:
    lines = gateway.lines.get(f"{key.namespace}-{entry_service(running)}")
    if not lines:
        return None
    codes: Counter[int] = Counter()
    buckets: Counter[float] = Counter()
    for one in traefik_services("\n".join(lines)).values():
        codes.update(one.codes)
        buckets.update(one.latency_buckets)
    return CounterSample(
        revision=manifests.label_of(running, REVISION_LABEL),
        instance=gateway.page.instance,
        started_at=max(gateway.page.started_at, _created_at(running)),
        codes=dict(codes),
        latency_buckets=dict(buckets),
    )


def _created_at(manifest: Manifest) -> datetime:
    """A revision that was removed and comes back counts from zero; its series had gone with it."""
    created = manifests.field(manifest, "metadata", "creationTimestamp")
    return datetime.fromisoformat(created) if created else datetime.fromtimestamp(0, UTC)
