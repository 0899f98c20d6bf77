"""The predictor predicts, the operator answers and the collector collects, each in its image."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import registry_of
from serinus.adapters.mlflow_registry import MlflowRegistry
from tests.components.conftest import make_trips
from tests.containers.conftest import Ran
from tests.containers.running import started

pytestmark = pytest.mark.timeout(900)

# Nobody listens there: /healthz says that the process lives, not that it has an API server.
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
clusters: [{name: nowhere, cluster: {server: "https://127.0.0.1:9"}}]
users: [{name: nobody, user: {token: none}}]
"""


def test_the_predictor_answers_as_the_model_does(trained: tuple[Path, Ran], tmp_path: Path) -> None:
    from mlflow.sklearn import load_model

    uri = registry_of(trained[0])
    artifact = asyncio.run(MlflowRegistry(uri, ArtifactsHere(uri, tmp_path)).resolve("trips", version="1"))
    rows = make_trips(5, seed=1)[["distance", "wind", "stops", "carrier", "rainy"]]
    arguments = ["--model-dir=/mnt/models", "--model-name=trips", "--deployment=ml/trips", "--revision=r1"]
    with started(
        "predictor", [*arguments, f"--digest={artifact.digest}"], {Path(artifact.uri): "/mnt/models:ro"}
    ) as server:
        server.until_answers("http://127.0.0.1:8080/v2/health/ready")
        instances = json.loads(rows.to_json(orient="records"))
        status, text = server.ask("http://127.0.0.1:8080/v1/models/trips:predict", {"instances": instances})
        assert status == 200, text
        expected = load_model(artifact.uri).predict_proba(rows)[:, 1]
        assert pd.Series(json.loads(text)["predictions"]).tolist() == pytest.approx(expected.tolist())
        assert "serinus_" in server.until_answers("http://127.0.0.1:8080/metrics")
        assert server.stop() == 0, server.log()


def test_the_operator_answers_its_health_check_while_it_waits_for_the_api_server(shared: Path) -> None:
    (shared / "kubeconfig").write_text(KUBECONFIG)
    arguments = ["operator", "--kubeconfig=/etc/serinus/kubeconfig", "--namespaces=models", "--lease-namespace=models"]
    with started("operator", arguments, {shared: "/etc/serinus:ro"}) as operator:
        assert operator.until_answers("http://127.0.0.1:8080/healthz") == "ok"
        assert "serinus_" in operator.until_answers("http://127.0.0.1:8080/metrics")
        operator.until_says("the API server does not answer")
        assert operator.stop() == 0, operator.log()


def test_the_collector_joins_a_label_and_writes_the_log(shared: Path) -> None:
    folder = shared / "collected"
    folder.mkdir()
    folder.chmod(0o777)
    arguments = ["--database=sqlite:////data/c.db", "--log-root=/data/log", "--log-seconds=1"]
    event = {"requestId": "a", "time": datetime.now(UTC).isoformat(), "prediction": 0.25, "features": {"x": 1.5}}
    prediction = {"deployment": "ml/trips", "revision": "r1", "version": "1", "events": [event]}
    with started("collector", arguments, {folder: "/data"}) as server:
        server.until_answers("http://127.0.0.1:8090/readyz")
        assert server.ask("http://127.0.0.1:8090/v1/predictions", prediction)[0] == 202
        label = {"deployment": "ml/trips", "requestId": "a", "label": 1}
        status, text = server.ask("http://127.0.0.1:8090/v1/labels", label)
        assert (status, json.loads(text)["outcomes"]) == (200, {"joined": 1})
        assert 'serinus_labelled_total{deployment="ml/trips",revision="r1"} 1.0' in server.until_answers(
            "http://127.0.0.1:8090/metrics"
        )
        deadline = time.monotonic() + 30
        while not list(folder.glob("log/ml/trips/day=*/*.parquet")):
            assert time.monotonic() < deadline, server.log()
        assert server.stop() == 0, server.log()
