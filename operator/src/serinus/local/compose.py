"""The composition root of the embedded runtime: which adapter stands behind which port."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.compile import COMPILED
from pipelines.runner import LocalRuns
from serinus.adapters.collector_quality import CollectorQuality
from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import registry_of
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.adapters.prediction_events import event_options
from serinus.adapters.prometheus_api import PrometheusApi
from serinus.adapters.prometheus_queries import PrometheusQueries
from serinus.adapters.scraped_bins import ScrapedBins
from serinus.adapters.scraping import Scraper
from serinus.adapters.system_clock import SystemClock
from serinus.core.collecting import collecting
from serinus.core.planning import latency_edges
from serinus.local.bins import BinFiles, ReplicaPages
from serinus.local.collector import KEY_VARIABLE, TOKEN_FILE_VARIABLE, LocalCollector, key_of_hashes
from serinus.local.folder import StateFolder
from serinus.local.gateway import Gateway
from serinus.local.journal import FileJournal
from serinus.local.metrics import LocalMetrics
from serinus.local.revisions import Launch
from serinus.local.runtime import LocalRuntime
from serinus.local.serving import LocalServing
from serinus.local.sockets import HOST
from serinus.local.source import DeploymentFile
from serinus.local.state import FileStateStore
from serinus.local.trainings import FileTrainings
from serinus.ports import Ports
from serinus.reconcile import Reconciler

DEFAULT_PORT = 8080


@dataclass(frozen=True)
class Options:
    """What `serinus run` is told."""

    file: Path
    folder: Path
    port: int = DEFAULT_PORT
    registry_uri: str = ""
    prometheus_url: str = ""


def local_runtime(options: Options) -> LocalRuntime:
    """A runtime for one ModelDeployment file. Raises SpecInvalid, NotSupportedYet."""
    folder = StateFolder(options.folder)
    source = DeploymentFile(options.file)
    clock = SystemClock()
    gateway = Gateway(folder.root, port=options.port, edges_seconds=latency_edges(source.deployment.spec.rollout))
    collector = LocalCollector(folder)
    serving = LocalServing(
        folder.root,
        gateway,
        predictor_command,
        told=lambda _: event_options(collector.url, collecting(source.deployment.spec)),
        environment={KEY_VARIABLE: key_of_hashes(folder)},
        others=collector.former_pids,
    )
    registry_uri = options.registry_uri or registry_of(options.folder)
    pages = ReplicaPages(serving, Scraper())
    prometheus = PrometheusApi(options.prometheus_url) if options.prometheus_url else None
    quality = CollectorQuality(collector.url, token_file=os.environ.get(TOKEN_FILE_VARIABLE, ""))
    ports = Ports(
        store=FileStateStore(folder),
        serving=serving,
        metrics=LocalMetrics(gateway, clock),
        registry=MlflowRegistry(registry_uri, ArtifactsHere(registry_uri, options.folder / "artifacts")),
        journal=FileJournal(folder),
        clock=clock,
        bins=ScrapedBins(pages, clock, BinFiles(folder)),
        quality=quality,
        queries=PrometheusQueries(prometheus) if prometheus else None,
        trainings=FileTrainings(
            options.file.resolve().parent, registry_uri, options.folder / "snapshots", COMPILED / "training.yaml"
        ),
        runner=LocalRuns(options.folder / "runs"),
    )
    url = f"{gateway.url}/v1/models/{source.key.name}:predict"
    closing = (pages, quality, *((prometheus,) if prometheus else ()))
    return LocalRuntime(folder, source, Reconciler(ports), serving, collector, url=url, closing=closing)


def predictor_command(launch: Launch) -> Sequence[str]:
    """How a predictor process is started for a revision."""
    artifact = launch.revision.artifact
    options = {
        "--model-dir": artifact.uri,
        "--model-name": launch.key.name,
        "--deployment": str(launch.key),
        "--revision": launch.revision.id,
        "--digest": artifact.digest,
        "--model-version": artifact.version,
        "--host": HOST,
        "--port": str(launch.port),
    }
    edges = [word for edge in launch.latency_edges_seconds for word in ("--slo-ms", f"{edge * 1000:g}")]
    return [
        sys.executable,
        "-m",
        "serinus.predictor",
        *(word for pair in options.items() for word in pair),
        *edges,
        *launch.told,
    ]
