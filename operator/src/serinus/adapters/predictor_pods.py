"""The metrics pages of a deployment's predictor pods."""

import asyncio
from collections.abc import Sequence
from typing import Final

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import POD, REVISION_LABEL, KubernetesObjects, Manifest
from serinus.adapters.scraping import Page, Scraper
from serinus.core.errors import MetricsUnavailable
from serinus.ports import Key

PORT: Final = 8080
REQUESTS: Final = "serinus_requests_total"


class PredictorPods:
    """Scrapes them, all at once."""

    def __init__(self, objects: KubernetesObjects, scraper: Scraper, port: int = PORT) -> None:
        self._objects = objects
        self._scraper = scraper
        self._port = port

    async def pages(self, key: Key) -> list[tuple[str, Page]]:
        """(revision, page) of every pod that answers.

        Raises MetricsUnavailable if a revision has ready pods and none of them answers.
        """
        return await self._scrape([pod for pod in self._objects.of(POD, key) if _counts(pod)])

    async def of(self, key: Key, revision: str) -> list[Page]:
        """The same of one revision."""
        pods = [pod for pod in self._objects.of(POD, key) if manifests.label_of(pod, REVISION_LABEL) == revision]
        return [page for _, page in await self._scrape([pod for pod in pods if _counts(pod)])]

    async def _scrape(self, pods: Sequence[Manifest]) -> list[tuple[str, Page]]:
        answers = await asyncio.gather(*(self._page(pod) for pod in pods), return_exceptions=True)
        for error in answers:
            if isinstance(error, BaseException) and not isinstance(error, MetricsUnavailable):
                raise error
        _raise_if_silent(pods, answers)
        found = zip(pods, answers, strict=True)
        return [(manifests.label_of(pod, REVISION_LABEL), page) for pod, page in found if isinstance(page, Page)]

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
