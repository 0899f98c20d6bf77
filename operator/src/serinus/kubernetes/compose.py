"""The composition root of the operator: which adapter stands behind which port."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from lightkube.config.kubeconfig import SingleConfig

from pipelines.compile import COMPILED
from serinus.adapters.cluster_metrics import ClusterMetrics
from serinus.adapters.cluster_prometheus import ClusterPrometheus
from serinus.adapters.collector_quality import CollectorQuality
from serinus.adapters.gateway_features import GatewayCopies
from serinus.adapters.knative_view import KnativeSettings
from serinus.adapters.kserve_knative import KnativeServing
from serinus.adapters.kserve_standard import StandardServing
from serinus.adapters.mlflow_artifacts import ArtifactsElsewhere
from serinus.adapters.predictor_pods import PredictorPods
from serinus.adapters.prometheus_api import Access, PrometheusApi
from serinus.adapters.prometheus_bins import PrometheusBins
from serinus.adapters.prometheus_queries import PrometheusQueries
from serinus.adapters.prometheus_templates import TEMPLATES, ByPod, Template
from serinus.adapters.scraped_bins import ScrapedBins
from serinus.adapters.scraping import Scraper
from serinus.adapters.standard_view import StandardSettings
from serinus.adapters.system_clock import SystemClock
from serinus.core.spec import Gateway, ServingMode
from serinus.kubernetes.api import Api, Fence
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.connection import http_client, own_namespace
from serinus.kubernetes.controller import Controller
from serinus.kubernetes.coverage import Coverage
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.event_endpoint import EventEndpoint
from serinus.kubernetes.events import EventRecorder
from serinus.kubernetes.intake import Intake
from serinus.kubernetes.journal import ClusterJournal
from serinus.kubernetes.leader import AlwaysLeading, Leadership, Term
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.queue import WorkQueue
from serinus.kubernetes.registry import ClusterRegistry
from serinus.kubernetes.relist import Relist
from serinus.kubernetes.runs import FencedRuns
from serinus.kubernetes.serving import ClusterBackend, ServingRouter
from serinus.kubernetes.settings import OperatorSettings
from serinus.kubernetes.status_store import StatusStore
from serinus.kubernetes.telemetry import Telemetry
from serinus.kubernetes.trainings import ConfigMapTrainings
from serinus.kubernetes.watches import Watches
from serinus.ports import Clock, Key, ModelRegistry, PipelineRunner, Ports
from serinus.reconcile import Reconciler
from serinus.turns import Turns

READ_SECONDS = 30.0  # an admission webhook may take ten
SETTLING = timedelta(minutes=1)  # within which every deployment is looked at after a start
PIPELINE = COMPILED / "training.yaml"
BURST_SECONDS = 0.05  # within which several events about a deployment are one


class Closing(Protocol):
    """Something with connections."""

    async def close(self) -> None:
        """End them."""
        ...


@dataclass(frozen=True)
class Parts:
    """What runs, and what has to be closed."""

    settings: OperatorSettings
    telemetry: Telemetry
    leadership: Leadership | AlwaysLeading
    coverage: Coverage
    relist: Relist
    watches: Watches
    queue: WorkQueue[Key]
    events: EventRecorder
    store: StatusStore
    event_endpoint: EventEndpoint
    closing: tuple[Closing, ...]


def compose(settings: OperatorSettings, config: SingleConfig) -> Parts:
    """Everything, wired, and nothing started."""
    telemetry, clock, cache = Telemetry(), SystemClock(), ObjectCache()
    # Renewing the Lease must not wait behind other requests, nor for a connection that hangs.
    lease_api = Api(
        http_client(config, settings.lease_duration_seconds / 3), 2, AlwaysLeading(), telemetry.answered, clock
    )
    leadership = Leadership(lease_api, _term(settings)) if settings.lease else AlwaysLeading()
    api = Api(http_client(config, READ_SECONDS), settings.requests_in_flight, leadership, telemetry.answered, clock)
    discovery = Discovery(api, settings.namespaces)
    objects = ClusterObjects(api, cache, discovery)
    events = EventRecorder(api, cache, clock, settings.identity, telemetry.event_dropped)
    router = _router(settings, objects, clock, events)
    store = StatusStore(objects, clock, timedelta(seconds=settings.checkpoint_seconds))
    scraper, prometheus = Scraper(), _prometheus(settings)
    metrics = _metrics(settings, objects, clock, prometheus)
    quality = _quality(settings)
    ports = Ports(
        store=store,
        serving=router,
        metrics=metrics,
        registry=ClusterRegistry(_mlflow(settings), leadership, telemetry.registry_asked),
        journal=ClusterJournal(events, telemetry),
        clock=clock,
        bins=PrometheusBins(prometheus, clock) if prometheus else ScrapedBins(PredictorPods(objects, scraper), clock),
        queries=PrometheusQueries(prometheus) if prometheus else None,
        quality=quality,
        trainings=ConfigMapTrainings(api, settings.registry_uri, settings.snapshots, PIPELINE),
        runner=_runner(settings, leadership),
    )

    async def turn(key: Key) -> float | None:
        return await controller.turn(key)

    queue, poll = WorkQueue[Key](turn, settings.workers), timedelta(seconds=settings.registry_poll_seconds)
    controller = Controller(
        objects,
        store,
        Reconciler(ports, poll / 3, Turns(settings.training_runs, settling=SETTLING)),
        serving=router,
        events=events,
        telemetry=telemetry,
        clock=clock,
        waited=queue.waited,
        poll=poll,
    )
    telemetry.watch_queue(lambda: queue.depth, lambda: queue.at_work)
    intake = Intake(cache, lambda key: queue.add_after(key, BURST_SECONDS))
    relist, watches = Relist(api, cache, intake, settings.namespaces), Watches(config, settings.namespaces, intake)
    return Parts(
        settings=settings,
        telemetry=telemetry,
        leadership=leadership,
        coverage=Coverage(discovery, relist, intake, watches),
        relist=relist,
        watches=watches,
        queue=queue,
        events=events,
        store=store,
        event_endpoint=EventEndpoint(
            objects,
            store,
            leads=lambda: leadership.leads,
            wake=queue.add,
            clock=clock,
            token_file=settings.events_token_file,
        ),
        closing=(metrics, scraper, *(one for one in (prometheus, quality) if one), api, lease_api),
    )


def _term(settings: OperatorSettings) -> Term:
    return Term(
        namespace=settings.lease_namespace or own_namespace(),
        name=settings.lease_name,
        identity=settings.identity,
        duration=settings.lease_duration_seconds,
        renew_every=settings.lease_renew_seconds,
        retry_every=settings.lease_retry_seconds,
    )


def _router(settings: OperatorSettings, objects: ClusterObjects, clock: Clock, events: EventRecorder) -> ServingRouter:
    def put_back(key: Key, sentence: str) -> None:
        events.tell(key, "PutBack", sentence, warning=True, action="Apply")

    backends: dict[ServingMode, ClusterBackend] = {
        ServingMode.STANDARD: StandardServing(objects, clock, _standard(settings), put_back),
        ServingMode.KNATIVE: KnativeServing(
            objects, clock, KnativeSettings(collector_url=settings.collector_url.rstrip("/")), put_back
        ),
    }
    return ServingRouter(objects, backends, ServingMode(settings.default_mode))


def _standard(settings: OperatorSettings) -> StandardSettings:
    namespace, _, name = settings.gateway.partition("/")
    return StandardSettings(
        gateway=Gateway(name=name, namespace=namespace) if name else None,
        domain=settings.domain,
        scheme=settings.scheme,
        drain=timedelta(seconds=settings.drain_seconds),
        counts_in_pods=_counts_in_pods(settings),
        copies=GatewayCopies(settings.gateway_copies),
        collector_url=settings.collector_url.rstrip("/"),
    )


def _prometheus(settings: OperatorSettings) -> PrometheusApi | None:
    if not settings.prometheus_url:
        return None
    access = Access(
        username=settings.prometheus_username,
        password=settings.prometheus_password.get_secret_value(),
        token=settings.prometheus_token.get_secret_value(),
        token_file=settings.prometheus_token_file,
        ca_file=settings.prometheus_ca_file,
    )
    return PrometheusApi(settings.prometheus_url, access, settings.prometheus_timeout_seconds)


def _quality(settings: OperatorSettings) -> CollectorQuality | None:
    if not settings.collector_url:
        return None
    return CollectorQuality(settings.collector_url, token_file=settings.collector_token_file)


def _template(settings: OperatorSettings) -> Template | None:
    return TEMPLATES.get(settings.prometheus_template) if settings.prometheus_url else None


def _metrics(
    settings: OperatorSettings, objects: ClusterObjects, clock: Clock, prometheus: PrometheusApi | None
) -> ClusterMetrics | ClusterPrometheus:
    template = _template(settings)
    if prometheus is None or template is None:
        return ClusterMetrics(objects, clock, settings.gateway_metrics_url)
    stale_after = timedelta(seconds=settings.prometheus_stale_seconds)
    return ClusterPrometheus(objects, prometheus, clock, template, stale_after)


def _counts_in_pods(settings: OperatorSettings) -> bool:
    template = _template(settings)
    return isinstance(template.found, ByPod) if template else not settings.gateway_metrics_url


def _runner(settings: OperatorSettings, fence: Fence) -> PipelineRunner | None:
    """Raises PipelinesRefused for an address or credentials that cannot be used."""
    if not settings.kfp_host:
        return None
    from serinus.adapters.kfp_auth import settings_from
    from serinus.adapters.kfp_client import KfpClient
    from serinus.adapters.kfp_runs import KfpRuns

    client = KfpClient(settings_from(os.environ, settings.kfp_host, settings.kfp_namespace))
    return FencedRuns(KfpRuns(client, PIPELINE), fence)


def _mlflow(settings: OperatorSettings) -> ModelRegistry | None:
    if not settings.registry_uri:
        return None
    from serinus.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(settings.registry_uri, ArtifactsElsewhere())
