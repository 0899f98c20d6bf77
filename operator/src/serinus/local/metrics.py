"""The metrics source of one machine: the gateway's own counters, which see what clients see."""

from datetime import UTC, datetime

from serinus.adapters.scrape import ServiceCounters, traefik_services
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from serinus.local.gateway import Gateway
from serinus.local.routes import ServiceName, parse_service
from serinus.ports import Clock, Key

INSTANCE = "gateway"


class LocalMetrics:
    """Implements serinus.ports.MetricsSource by scraping the gateway."""

    def __init__(self, gateway: Gateway, clock: Clock) -> None:
        self._gateway = gateway
        self._clock = clock

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters per revision since it was brought up or the gateway was started. Raises MetricsUnavailable."""
        started_at = self._gateway.started_at
        services = traefik_services(await self._gateway.scrape())
        return MetricsSnapshot(
            at=self._clock.now(),
            instances=(InstanceUp(INSTANCE, started_at),),
            samples=_samples(key, started_at, services),
        )


def _samples(key: Key, started_at: datetime, services: dict[str, ServiceCounters]) -> tuple[CounterSample, ...]:
    latest: dict[str, tuple[ServiceName, ServiceCounters]] = {}
    for text, counters in services.items():
        name = parse_service(text)
        # A revision that was brought up again has two series until the gateway drops the former one.
        if (
            name
            and name.key == key
            and (name.revision not in latest or latest[name.revision][0].since_ms < name.since_ms)
        ):
            latest[name.revision] = (name, counters)
    return tuple(_sample(started_at, *latest[revision]) for revision in sorted(latest))


def _sample(started_at: datetime, name: ServiceName, counters: ServiceCounters) -> CounterSample:
    brought_up_at = datetime.fromtimestamp(name.since_ms / 1000, UTC)
    return CounterSample(
        revision=name.revision,
        instance=INSTANCE,
        started_at=max(started_at, brought_up_at),
        codes=counters.codes,
        latency_buckets=counters.latency_buckets,
    )
