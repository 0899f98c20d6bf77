"""A predictor process under test, and what its model takes."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[2]

COLUMNS = {
    "temp": {"type": "double", "nullable": True, "edges": [0.0, 10.0, 20.0]},
    "wind": {"type": "double", "nullable": False, "edges": [5.0]},
    "hour": {"type": "integer", "nullable": False, "edges": [6, 12, 18]},
    "gust": {"type": "integer", "nullable": True, "edges": [30]},
    "origin": {"type": "string", "nullable": False, "categories": ["JFK", "LGA"]},
    "gate": {"type": "string", "nullable": True, "categories": ["A", "B"]},
    "weekend": {"type": "boolean", "nullable": False, "categories": ["False", "True"]},
}
ROW = {"temp": 12.5, "wind": 3, "hour": 7, "gust": None, "origin": "JFK", "gate": None, "weekend": True}


def write_reference(directory: Path, method: str = "predict_proba") -> None:
    counts = {"temp": {"1": 60, "3": 40}}
    features = [{"name": name, "counts": counts.get(name, {}), **column} for name, column in COLUMNS.items()]
    prediction = {"method": method, "edges": [0.25, 0.5, 0.75], "counts": {}}
    reference = {"schemaVersion": 1, "target": "late", "rows": 100, "features": features, "prediction": prediction}
    (directory / "serinus").mkdir(exist_ok=True)
    (directory / "serinus" / "reference.json").write_text(json.dumps(reference))


@dataclass
class Server:
    process: subprocess.Popen
    url: str
    folder: Path

    def post(self, path: str = "/v1/models/flights:predict", **request) -> httpx.Response:
        return httpx.post(self.url + path, timeout=30, **request)

    def predict(self, *rows, **changes) -> httpx.Response:
        return self.post(json={"instances": list(rows) or [ROW | changes]})

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30)

    def metrics(self) -> dict[tuple[str, ...], float]:
        """{(sample name, *label values but deployment and revision): value}"""
        from prometheus_client.parser import text_string_to_metric_families

        samples = [s for family in text_string_to_metric_families(self.get("/metrics").text) for s in family.samples]
        own = [s for s in samples if s.name.startswith("serinus_")]
        assert all((s.labels.pop("deployment"), s.labels.pop("revision")) == ("ml/flights", "r1") for s in own)
        return {(s.name, *(s.labels[name] for name in sorted(s.labels))): s.value for s in samples}

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds: float = 30.0):
    """The first true answer of `condition`; fails the test when the deadline passes."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    return pytest.fail(f"{condition} did not become true in {seconds:g} s")


def start(directory: Path, folder: Path, *options: str, digest: str = "", port: int = 0) -> Server:
    """Start a predictor process; it may not be up yet."""
    from serinus.artifact import directory_digest

    port = port or free_port()
    command = [sys.executable, "-m", "serinus.predictor", "--model-dir", str(directory), "--port", str(port)]
    command += ["--model-name", "flights", "--deployment", "ml/flights", "--revision", "r1", "--grace-seconds", "3"]
    command += ["--digest", digest or directory_digest(directory), *options]
    path = os.pathsep.join([str(ROOT / "operator" / "src"), str(ROOT)])
    environment = os.environ | {"PYTHONPATH": path, "BEHAVIOURS": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
    return Server(process, f"http://127.0.0.1:{port}", folder)


def wait_ready(server: Server) -> Server:
    def ready() -> bool:
        assert server.process.poll() is None, server.log()
        try:
            return server.get("/v2/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(ready, 120)
    return server
