"""Request counters of Serinus's own predictors, pod by pod: for clusters whose gateway cannot be asked."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import POD, REVISION_LABEL, KubernetesObjects, Manifest
from serinus.adapters.scrape import samples
from serinus.adapters.scraping import Page, Scraper
from serinus.core.errors import MetricsUnavailable
from serinus.core.observation import CounterSample, InstanceUp, MetricsSnapshot
from serinus.ports import Clock, Key

PORT: Final = 8080
REQUESTS: Final = "serinus_requests_total"
LATENCY_BUCKET: Final = "serinus_request_seconds_bucket"


class PredictorMetrics:
    """Implements serinus.ports.MetricsSource. Refused connections are not counted: nobody is there to count them."""

    def __init__(self, objects: KubernetesObjects, scraper: Scraper, clock: Clock, port: int = PORT) -> None:
        self._objects = objects
        self._scraper = scraper
        self._clock = clock
        self._port = port

    async def read(self, key: Key) -> MetricsSnapshot:
        """Counters of every pod that answers.

        Raises MetricsUnavailable if a revision has ready pods and none of them answers.
        """
        pods = [pod for pod in self._objects.of(POD, key) if _counts(pod)]
        answers = await asyncio.gather(*(self._page(pod) for pod in pods), return_exceptions=True)
        pages = [(pod, page) for pod, page in zip(pods, answers, strict=True) if isinstance(page, Page)]
        for error in answers:
            if isinstance(error, BaseException) and not isinstance(error, MetricsUnavailable):
                raise error
        _raise_if_silent(pods, answers)
        found = [_sample(pod, page) for pod, page in pages]
        return MetricsSnapshot(
            at=self._clock.now(),
            instances=tuple(InstanceUp(page.instance, page.started_at) for _, page in pages),
            samples=tuple(sample for sample in found if any(sample.codes.values())),
        )

    async def _page(self, pod: Manifest) -> Page:
        address = str(manifests.field(pod, "status", "podIP"))
        host = f"[{address}]" if ":" in address else address
        page = await self._scraper.fetch(f"http://{host}:{self._port}/metrics", manifests.name_of(pod))
        if f"\n{REQUESTS}" not in page.text:
            raise MetricsUnavailable(
                f"pod {page.instance} does not count {REQUESTS}, as Serinus's own runtime does; "
                "let the operator ask the gateway (SERINUS_GATEWAY_METRICS_URL), or use spec.serving.runtime: serinus"
            )
        return page


def _counts(pod: Manifest) -> bool:
    """Whether a predictor may answer there; its transformer counts nothing, and the address of an ended pod is another's."""
    component = manifests.label_of(pod, "component") or "predictor"
    has_ended = manifests.field(pod, "status", "phase") in ("Failed", "Succeeded")
    return component == "predictor" and not has_ended and bool(manifests.field(pod, "status", "podIP"))


def _raise_if_silent(pods: Sequence[Manifest], answers: Sequence[Page | BaseException]) -> None:
    silent: dict[str, BaseException] = {}
    heard = set()
    for pod, answer in zip(pods, answers, strict=True):
        revision = manifests.label_of(pod, REVISION_LABEL)
        if not isinstance(answer, BaseException):
            heard.add(revision)
        elif manifests.condition_of(manifests.field(pod, "status", "conditions"), "Ready").get("status") == "True":
            silent[revision] = answer
    for revision, error in silent.items():
        if revision not in heard:
            raise error


def _sample(pod: Manifest, page: Page) -> CounterSample:
    codes: Counter[int] = Counter()
    buckets: Counter[float] = Counter()
    for sample in samples(page.text, (REQUESTS, LATENCY_BUCKET)):
        if sample.name == REQUESTS:
            codes[int(sample.labels["code"])] += int(sample.value)
        else:
            buckets[float(sample.labels["le"])] += int(sample.value)
    return CounterSample(
        revision=manifests.label_of(pod, REVISION_LABEL),
        instance=page.instance,
        started_at=page.started_at,
        codes={code: count for code, count in codes.items() if count},
        latency_buckets=dict(buckets),
    )
