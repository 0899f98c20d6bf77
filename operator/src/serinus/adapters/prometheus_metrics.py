"""The metrics source that asks Prometheus: for any gateway and any runtime whose requests a Template can find."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Final

from serinus.adapters.gathered import GATHER_SECONDS, Gathered
from serinus.adapters.prometheus_api import PrometheusApi, Series
from serinus.adapters.prometheus_finding import LATENCY, PART, REQUESTS, SCRAPED, STARTED, Backends, Finding
from serinus.adapters.prometheus_templates import TEMPLATES, Template
from serinus.core.errors import MetricsUnavailable, QueryInvalid
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from serinus.ports import Clock, Key

STALE_AFTER: Final = timedelta(seconds=90)
UNKNOWN_START: Final = datetime.fromtimestamp(0, UTC)  # a restart then shows in counters that fall


@dataclass
class Target:
    """What one process that counts was last seen to count: at `scraped_at`, seconds since the epoch, `age_seconds` ago."""

    instance: str
    scraped_at: float = 0.0
    age_seconds: float = 0.0
    started_at: datetime = UNKNOWN_START
    codes: dict[tuple[Key, str], dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    buckets: dict[tuple[Key, str], dict[float, int]] = field(default_factory=lambda: defaultdict(dict))
    broken: dict[Key, float] = field(default_factory=dict)  # what counts there and is no number

    def owners(self, key: Key) -> set[str]:
        """The revisions of a deployment that it has counted for."""
        return {revision for one, revision in (*self.codes, *self.buckets) if one == key}


class PrometheusMetrics:
    """Implements serinus.ports.MetricsSource. Deployments that are read at about the same time share one query."""

    def __init__(
        self,
        api: PrometheusApi,
        clock: Clock,
        template: Template = TEMPLATES["serinus"],
        backends: Backends = lambda key: {},
        *,
        stale_after: timedelta = STALE_AFTER,
        wait_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._api = api
        self._clock = clock
        self._template = template
        self._backends = backends
        self._stale_after = stale_after
        self._gathered = Gathered[Key, list[Target]](self._ask, wait_seconds)
        self._newest: dict[Key, dict[str, Target]] = {}

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters of the deployment's revisions as Prometheus scraped them last. Raises MetricsUnavailable."""
        targets = await self._gathered.get(key)
        self._raise_if_broken(key, targets)
        fresh = self._not_before(key, self._fresh(key, targets))
        samples = (_sample(key, revision, one) for one in fresh for revision in sorted(one.owners(key)))
        return MetricsSnapshot(
            at=self._clock.now(),
            instances=tuple(InstanceUp(one.instance, one.started_at) for one in fresh),
            samples=tuple(one for one in samples if any(one.codes.values()) or any(one.latency_buckets.values())),
        )

    async def close(self) -> None:
        """End all connections."""
        await self._api.close()

    async def _ask(self, keys: tuple[Key, ...]) -> Mapping[Key, list[Target]]:
        finding = Finding(self._template, tuple(sorted(keys)), self._backends)
        try:
            answer = await self._api.ask(finding.promql())
        except QueryInvalid as error:
            raise MetricsUnavailable(f"{error}; this Prometheus does not understand what Serinus asks it") from error
        targets = _targets(finding, answer.series)
        return {key: [one for one in targets if one.owners(key) or key in one.broken] for key in keys}

    def _raise_if_broken(self, key: Key, targets: Iterable[Target]) -> None:
        """A counter that is left out for once would come back as a restart."""
        for one in targets:
            if key in one.broken:
                raise MetricsUnavailable(
                    f"{self._template.requests or self._template.latency} of {key} is {one.broken[key]} at {one.instance}; "
                    "what counts there is broken, so nothing can be told of its requests"
                )

    def _fresh(self, key: Key, targets: Iterable[Target]) -> list[Target]:
        """One target for each instance, scraped a short while ago: an older one is gone, or is not scraped any more."""
        newest: dict[str, Target] = {}
        for one in sorted(targets, key=lambda target: -target.age_seconds):
            newest[one.instance] = one  # two jobs that scrape the same pod are one
        known = [one for _, one in sorted(newest.items())]
        fresh = [one for one in known if one.age_seconds <= self._stale_after.total_seconds()]
        if known and not fresh:
            raise MetricsUnavailable(
                f"the Prometheus at {self._api.url} has scraped nothing of {key} for "
                f"{min(one.age_seconds for one in known):.0f} s, and {self._stale_after.total_seconds():g} s are allowed; "
                "see its page of targets"
            )
        return fresh

    def _not_before(self, key: Key, targets: Iterable[Target]) -> list[Target]:
        """The newer of each and what was read before: of two Prometheus behind one address, one is always a scrape ahead.

        Counters that fall would be taken for a restart, and counted again.
        """
        before = self._newest.get(key, {})
        newest = [max(one, before.get(one.instance, one), key=lambda target: target.scraped_at) for one in targets]
        self._newest[key] = {one.instance: one for one in newest}
        return newest


def _targets(finding: Finding, rows: Iterable[Series]) -> list[Target]:
    found: dict[tuple[str, str], Target] = {}
    for row in rows:
        instance = row.labels.get("instance", "")
        target = found.setdefault((row.labels.get("job", ""), instance), Target(instance))
        part = row.labels.get(PART)
        if part == SCRAPED:
            target.scraped_at, target.age_seconds = row.value, row.points[-1][0] - row.value
        elif part == STARTED:
            target.started_at = datetime.fromtimestamp(row.value, UTC)
        elif owner := finding.owner(row.labels):
            _count(target, owner, finding.template, row)
    return list(found.values())


def _count(target: Target, owner: tuple[Key, str], template: Template, row: Series) -> None:
    if not isfinite(row.value):
        target.broken[owner[0]] = row.value
        return
    count = int(row.value)
    if row.labels[PART] == REQUESTS:
        code = row.labels.get(template.code, "")
        # A proxy that has no answer to tell of says "0" or nothing.
        known = int(code) if code.isdecimal() else 0
        target.codes[owner][known] = target.codes[owner].get(known, 0) + count
    elif row.labels[PART] == LATENCY:
        target.buckets[owner][float(row.labels["le"]) * template.unit_seconds] = count


def _sample(key: Key, revision: str, target: Target) -> CounterSample:
    return CounterSample(
        revision=revision,
        instance=target.instance,
        started_at=target.started_at,
        codes={code: count for code, count in target.codes.get((key, revision), {}).items() if count},
        latency_buckets=target.buckets.get((key, revision), {}),
    )
