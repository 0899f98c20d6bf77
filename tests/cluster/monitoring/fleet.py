"""A fleet for Prometheus to look at: the operator's own registry, predictors' own counters, and a collector that runs."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from serinus.core.reference import Feature, Prediction, Reference
from serinus.core.state import Outcome, Phase, RolloutState
from serinus.kubernetes.telemetry import Telemetry
from serinus.ports import Key
from serinus.predictor.answers import probability_edges
from serinus.predictor.bins import BinCounter, NumericBins
from serinus.predictor.collector import PredictorCollector
from serinus.predictor.decoding import Batch
from serinus.predictor.event_settings import EventSettings
from serinus.predictor.outbox import Outbox
from serinus.predictor.prediction_log import EventCounters
from serinus.predictor.requests import RequestCounts
from serinus.predictor.settings import Settings
from tests.cluster.control_plane.waiting import wait_until
from tests.fakes.retraining import NOT_BETTER, come_out, retraining_world
from tests.fakes.world import KEY, rolling_out, stable_world
from tests.predictor.support import free_port
from tests.unit.watching.watching_world import DRIFTED, serving_since

EVEN = {**dict.fromkeys(map(str, range(4)), 250), "missing": 0}
EDGES = (0.25, 0.5, 0.75)
ROWS = 900


def drifted(state: RolloutState) -> RolloutState:
    """The state with an alarm of drift about what serves."""
    watching = serving_since()
    watching.look_at([DRIFTED] * 4)
    assert state.stable is not None
    assert watching.state.drift is not None
    drift = watching.state.drift.model_copy(update={"revision": state.stable.id})
    return state.model_copy(update={"drift": drift})


@dataclass
class Operator:
    """The operator's metrics, after it has decided about some deployments."""

    telemetry: Telemetry = field(default_factory=Telemetry)
    state: RolloutState = field(init=False)

    def __post_init__(self) -> None:
        self.telemetry.watch_queue(lambda: 0, lambda: 1)
        self.telemetry.leading(leads=True)
        world = rolling_out()
        for _ in range(3):
            world.tick()
        self._retraining = retraining_world({"type": "Schedule", "cron": "0 * * * *"}, {"type": "MaxAge", "age": "1h"})
        self._retrain(3600)
        self.state = drifted(world.state)
        self._look()
        self._turn()

    def work(self) -> None:
        """Some turns."""
        telemetry = self.telemetry
        come_out(self._retraining, NOT_BETTER)
        self._retrain(1)
        self._look()
        self._turn()
        telemetry.finished(KEY, Outcome.ROLLED_BACK)

    def _turn(self) -> None:
        """What is counted of a turn that goes well, and of one that does not."""
        telemetry = self.telemetry
        for result in ("ok", "ServingUnavailable"):
            telemetry.reconciled(0.02, result)
        for code in (200, 403):
            telemetry.answered("patch", "HTTPRoute", code)
        for result in ("ok", "RegistryUnavailable"):
            telemetry.registry_asked("target", result)

    def _retrain(self, seconds: float) -> None:
        self._retraining.flow(seconds)
        for _ in range(3):
            self._retraining.tick()

    def _look(self) -> None:
        memory = self._retraining.state.retraining
        state = self.state.model_copy(update={"retraining": memory})
        self.telemetry.seen(KEY, state, "MetricsUnavailable")
        self.telemetry.seen(
            Key("ml", "paused"),
            rolling_out("2", Phase.PAUSED, steps=[{"weight": 10, "hold": "1s"}, {"pause": {}}]).state,
        )
        self.telemetry.seen(Key("ml", "calm"), stable_world().state)
        self.telemetry.complained(Key("ml", "calm"), "TargetUnresolved")


class Predictor:
    """One predictor's counters, fed as its server feeds them."""

    def __init__(self, revision: str) -> None:
        feature = Feature(name="temp", type="double", nullable=True, edges=EDGES, counts=EVEN)
        answers = Prediction(method="predict_proba", edges=EDGES, counts=EVEN)
        reference = Reference(target="late", rows=1000, features=(feature,), prediction=answers)
        self._bins = BinCounter(reference, NumericBins(probability_edges()))
        self._requests, self._outbox = RequestCounts((0.1,)), Outbox()
        self._registry = CollectorRegistry()
        settings = Settings(Path(), "flights", str(KEY), revision, "", "", 1, (), 1, 1, EventSettings(""))
        self._registry.register(PredictorCollector(settings, self._requests, self._bins, reference))
        self._registry.register(EventCounters((str(KEY), revision), self._outbox))

    def page(self) -> str:
        return generate_latest(self._registry).decode()

    def answer(self, shift: float, seed: int = 1) -> None:
        """Many requests, some of which fail or are slow."""
        chance = np.random.default_rng(seed)
        for row in range(ROWS):
            values = np.clip(chance.random(1) + shift, 0, 1)
            self._bins.observe(Batch(1, values.reshape(1, 1), ()), values)
            self._requests.add(500 if row % 50 == 0 else 200, 0.004 if row % 10 else 0.3)
        self._outbox.drop(3, "full")


@dataclass(frozen=True)
class Collector:
    """A collector's process."""

    address: str

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = httpx.post(f"http://{self.address}{path}", json=body, trust_env=False, timeout=30)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def label(self, stable: str, candidate: str, start: int, rows: int = 60) -> None:
        """Answers of both revisions to the same rows, and their labels."""
        now = datetime.now(UTC)
        for revision, copy in ((stable, False), (candidate, True)):
            events = [
                {"requestId": f"r{row}", "time": now.isoformat(), "prediction": 0.2 if copy else 0.4, "features": {},
                 "copy": copy}
                for row in range(start, start + rows)
            ]  # fmt: skip
            about = {"deployment": str(KEY), "model": "flights", "revision": revision, "version": "1"}
            self.post("/v1/predictions", {**about, "events": events})
        labels = [{"requestId": f"r{row}", "label": row % 2} for row in range(start, start + rows)]
        self.post("/v1/labels", {"deployment": str(KEY), "labels": labels})

    def compare(self, stable: str, candidate: str) -> dict[str, Any]:
        """As the operator asks."""
        since = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
        question = {
            "loss": "brier", "bound": 1.0, "since": since, "cohortSeconds": 60.0, "model": "flights",
            "candidate": {"revision": candidate}, "stable": {"revision": stable}, "sampleRate": 1.0,
        }  # fmt: skip
        return self.post(f"/v1/deployments/{KEY.namespace}/{KEY.name}/comparison", question)

    def refuse(self) -> None:
        """Something that it does not take."""
        answer = httpx.post(f"http://{self.address}/v1/labels", content=b"no JSON", trust_env=False)
        assert answer.is_client_error


@contextmanager
def collector(folder: Path) -> Iterator[Collector]:
    """One on SQLite, ended after the block."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    options = (f"--port={port}", f"--database=sqlite:///{folder}/collector.db", f"--log-root={folder}/log")
    with (folder / "stderr").open("wb") as log:
        started = subprocess.Popen([sys.executable, "-m", "serinus.collector", *options], stderr=log)
    try:
        assert wait_until(lambda: _is_ready(port), 120), (folder / "stderr").read_text()
        yield Collector(f"127.0.0.1:{port}")
    finally:
        started.terminate()
        started.wait(30)


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).is_success
    except httpx.HTTPError:
        return False
