"""An MLflow server in the cluster's network, which the operator and the pods ask, and the demo from outside."""

import sys
from pathlib import Path
from typing import Final

import httpx

from tests.cluster.control_plane import forward
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.layout import NODE_ADDRESS

PORT: Final = 5000
URL: Final = f"http://{NODE_ADDRESS}:{PORT}"
SECONDS: Final = 90.0
QUIET: Final = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


class Registry:
    """Started at once, and ended with the cluster. `url`: from outside of the cluster's network."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        folder.mkdir()
        command = ["-m", "mlflow", "server", "--host", NODE_ADDRESS, "--port", str(PORT), "--workers", "1"]
        command += [
            "--backend-store-uri",
            f"sqlite:///{folder}/mlflow.db",
            "--artifacts-destination",
            f"{folder}/files",
        ]
        self._starter = cluster.starter
        self._record = self._starter.start("mlflow", [sys.executable, *command], environment=QUIET, folder=folder)
        _, ports = forward.start(self._starter, {"mlflow": (NODE_ADDRESS, PORT)}, "forward-mlflow")
        self.url = f"http://127.0.0.1:{ports['mlflow']}"

    def wait(self) -> None:
        """Until it answers. Raises ClusterError."""
        self._starter.wait(self._record, self._answers, SECONDS)

    def alias(self, model: str, alias: str) -> str:
        """The version that an alias of a model points at; empty where there is none."""
        asked = {"name": model, "alias": alias}
        answer = httpx.get(f"{self.url}/api/2.0/mlflow/registered-models/alias", params=asked, trust_env=False)
        return str(answer.json()["model_version"]["version"]) if answer.is_success else ""

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False
