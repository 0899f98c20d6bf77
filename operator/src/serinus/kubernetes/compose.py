"""The composition root of the operator: which adapter stands behind which port."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from lightkube.config.kubeconfig import SingleConfig

from serinus.adapters.cluster_metrics import ClusterMetrics
from serinus.adapters.gateway_features import GatewayCopies
from serinus.adapters.knative_view import KnativeSettings
from serinus.adapters.kserve_knative import KnativeServing
from serinus.adapters.kserve_standard import StandardServing
from serinus.adapters.mlflow_artifacts import ArtifactsElsewhere
from serinus.adapters.standard_view import StandardSettings
from serinus.adapters.system_clock import SystemClock
from serinus.core.spec import Gateway, ServingMode
from serinus.kubernetes.api import Api
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.connection import http_client, own_namespace
from serinus.kubernetes.controller import Controller
from serinus.kubernetes.coverage import Coverage
from serinus.kubernetes.discovery import Discovery
from serinus.kubernetes.events import EventRecorder
from serinus.kubernetes.intake import Intake
from serinus.kubernetes.journal import ClusterJournal
from serinus.kubernetes.leader import AlwaysLeading, Leadership, Term
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.queue import WorkQueue
from serinus.kubernetes.registry import ClusterRegistry
from serinus.kubernetes.relist import Relist
from serinus.kubernetes.serving import ClusterBackend, ServingRouter
from serinus.kubernetes.settings import OperatorSettings
from serinus.kubernetes.status_store import StatusStore
from serinus.kubernetes.telemetry import Telemetry
from serinus.kubernetes.watches import Watches
from serinus.ports import Clock, Key, ModelRegistry, Ports
from serinus.reconcile import Reconciler

READ_SECONDS = 30.0  # an admission webhook may take ten
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
    metrics = ClusterMetrics(objects, clock, settings.gateway_metrics_url)
    ports = Ports(
        store=store,
        serving=router,
        metrics=metrics,
        registry=ClusterRegistry(_mlflow(settings), leadership, telemetry.registry_asked),
        journal=ClusterJournal(events, telemetry),
        clock=clock,
    )

    async def turn(key: Key) -> float | None:
        return await controller.turn(key)

    queue, poll = WorkQueue[Key](turn, settings.workers), timedelta(seconds=settings.registry_poll_seconds)
    controller = Controller(
        objects,
        store,
        Reconciler(ports, good_for=poll / 3),
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
        closing=(metrics, api, lease_api),
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
        ServingMode.KNATIVE: KnativeServing(objects, clock, KnativeSettings(), put_back),
    }
    return ServingRouter(objects, backends, ServingMode(settings.default_mode))


def _standard(settings: OperatorSettings) -> StandardSettings:
    namespace, _, name = settings.gateway.partition("/")
    return StandardSettings(
        gateway=Gateway(name=name, namespace=namespace) if name else None,
        domain=settings.domain,
        scheme=settings.scheme,
        drain=timedelta(seconds=settings.drain_seconds),
        counts_in_pods=not settings.gateway_metrics_url,
        copies=GatewayCopies(settings.gateway_copies),
    )


def _mlflow(settings: OperatorSettings) -> ModelRegistry | None:
    if not settings.registry_uri:
        return None
    from serinus.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(settings.registry_uri, ArtifactsElsewhere())
