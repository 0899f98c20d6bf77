"""The composition root of the embedded runtime: which adapter stands behind which port."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import registry_of
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.adapters.system_clock import SystemClock
from serinus.core.planning import latency_edges
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


def local_runtime(options: Options) -> LocalRuntime:
    """A runtime for one ModelDeployment file. Raises SpecInvalid, NotSupportedYet."""
    folder = StateFolder(options.folder)
    source = DeploymentFile(options.file)
    clock = SystemClock()
    gateway = Gateway(folder.root, port=options.port, edges_seconds=latency_edges(source.deployment.spec.rollout))
    serving = LocalServing(folder.root, gateway, predictor_command)
    registry_uri = options.registry_uri or registry_of(options.folder)
    ports = Ports(
        store=FileStateStore(folder),
        serving=serving,
        metrics=LocalMetrics(gateway, clock),
        registry=MlflowRegistry(registry_uri, ArtifactsHere(registry_uri, options.folder / "artifacts")),
        journal=FileJournal(folder),
        clock=clock,
    )
    url = f"{gateway.url}/v1/models/{source.key.name}:predict"
    return LocalRuntime(folder, source, Reconciler(ports), serving, url)


def predictor_command(launch: Launch) -> Sequence[str]:
    """How a predictor process is started for a revision."""
    artifact = launch.revision.artifact
    options = {
        "--model-dir": artifact.uri,
        "--model-name": launch.key.name,
        "--deployment": str(launch.key),
        "--revision": launch.revision.id,
        "--digest": artifact.digest,
        "--host": HOST,
        "--port": str(launch.port),
    }
    edges = [word for edge in launch.latency_edges_seconds for word in ("--slo-ms", f"{edge * 1000:g}")]
    return [sys.executable, "-m", "serinus.predictor", *(word for pair in options.items() for word in pair), *edges]
