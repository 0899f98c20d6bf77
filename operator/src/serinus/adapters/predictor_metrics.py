"""Request counters of Serinus's own predictors, pod by pod: for clusters whose gateway cannot be asked."""

from collections import Counter
from typing import Final

from serinus.adapters.kubernetes_objects import KubernetesObjects
from serinus.adapters.predictor_pods import PORT, REQUESTS, PredictorPods
from serinus.adapters.scrape import samples
from serinus.adapters.scraping import Page, Scraper
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from serinus.ports import Clock, Key

LATENCY_BUCKET: Final = "serinus_request_seconds_bucket"


class PredictorMetrics:
    """Implements serinus.ports.MetricsSource. Refused connections are not counted: nobody is there to count them."""

    def __init__(self, objects: KubernetesObjects, scraper: Scraper, clock: Clock, port: int = PORT) -> None:
        self._pods = PredictorPods(objects, scraper, port)
        self._clock = clock

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters of every pod that answers.

        Raises MetricsUnavailable if a revision has ready pods and none of them answers.
        """
        pages = await self._pods.pages(key)
        found = [_sample(revision, page) for revision, page in pages]
        return MetricsSnapshot(
            at=self._clock.now(),
            instances=tuple(InstanceUp(page.instance, page.started_at) for _, page in pages),
            samples=tuple(sample for sample in found if any(sample.codes.values())),
        )


def _sample(revision: str, page: Page) -> CounterSample:
    codes: Counter[int] = Counter()
    buckets: Counter[float] = Counter()
    for sample in samples(page.text, (REQUESTS, LATENCY_BUCKET)):
        if sample.name == REQUESTS:
            codes[int(sample.labels["code"])] += int(sample.value)
        else:
            buckets[float(sample.labels["le"])] += int(sample.value)
    return CounterSample(
        revision=revision,
        instance=page.instance,
        started_at=page.started_at,
        codes={code: count for code, count in codes.items() if count},
        latency_buckets=dict(buckets),
    )
