"""Retraining in the operator: a training file from a ConfigMap, a run on the API of Kubeflow Pipelines, one for each cause."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipelines.compile import COMPILED
from serinus.adapters.kfp_auth import settings_from
from serinus.adapters.kfp_client import KfpClient
from serinus.adapters.kfp_runs import KfpRuns
from serinus.core import reasons
from serinus.core.pipeline_run import RunRequest
from serinus.core.retraining.state import RetrainingState, RunEnd
from serinus.core.state import Phase
from serinus.kubernetes.actions import ACTION_ANNOTATION
from serinus.kubernetes.leader import NotLeading
from serinus.kubernetes.runs import FencedRuns
from serinus.kubernetes.trainings import CONFIG_MAP, ConfigMapTrainings
from serinus.reconcile import Reconciler
from tests.adapters.test_training_source_contract import REGISTRY, TEXT
from tests.fakes.pipelines import FakeRuns
from tests.kubernetes.fake_api import OpenFence
from tests.kubernetes.samples import KEY, deployment
from tests.kubernetes.test_controller import World
from tests.pipelines.kfp_api_server import KfpServer, kfp_server

PIPELINE = COMPILED / "training.yaml"


class Operator:
    """A deployment that serves, and an operator that may be started again and again."""

    def __init__(self, kfp: KfpServer) -> None:
        self.kfp, self.world = kfp, World()
        self.content = deployment()
        self.content["spec"]["model"]["name"] = "trips"
        self.content["spec"]["retraining"] = {"pipeline": "trips-training", "cooldown": "1h"}
        meta = {"name": "trips-training", "namespace": KEY.namespace}
        self.world.server.put(CONFIG_MAP, {"metadata": meta, "data": {"training.yaml": TEXT}})
        self.world.see(self.content)
        self.start()
        for _ in range(6):
            self.world.turn()

    def start(self) -> None:
        """The operator is started (again)."""
        self.world.start()
        controller, api = self.world.controller, self.world.server.api()
        runs = KfpRuns(KfpClient(settings_from({}, self.kfp.url)), PIPELINE)
        trainings = ConfigMapTrainings(api, REGISTRY, "s3://tables/snapshots", PIPELINE)
        ports = replace(controller._reconciler.ports, trainings=trainings, runner=FencedRuns(runs, OpenFence()))
        controller._reconciler = Reconciler(ports)

    def ask(self, nonce: str, verb: str = "retrain") -> None:
        """As `kubectl serinus retrain` does."""
        asked = json.dumps({"verb": verb, "nonce": nonce, "by": "ann", "reason": "new labels"})
        self.content["metadata"]["annotations"] = {ACTION_ANNOTATION: asked}
        self.world.see(self.content)

    def memory(self) -> RetrainingState:
        state = asyncio.run(self.world.store.load(KEY))
        assert state is not None
        assert state.phase is Phase.STABLE
        assert state.retraining is not None
        return state.retraining


@pytest.fixture
def operator() -> Iterator[Operator]:
    with kfp_server() as server:
        yield Operator(server)


def test_a_person_asks_and_the_run_is_on_kubeflow_pipelines_under_its_name(operator: Operator) -> None:
    operator.ask("n1")
    operator.world.turn()
    run = operator.memory().run
    assert run is not None
    (started,) = operator.kfp.runs.values()
    assert (started["run_id"], started["display_name"]) == (run.id, run.key)
    assert started["runtime_config"]["parameters"]["registry_uri"] == REGISTRY
    assert run.causes[0].message == "asked for by ann: new labels"


def test_an_operator_that_is_started_again_in_the_middle_starts_no_second_run(operator: Operator) -> None:
    operator.ask("n1")
    operator.world.turn()
    operator.start()
    for _ in range(3):
        operator.world.turn()
    assert len(operator.kfp.runs) == 1
    assert operator.memory().run is not None


def test_a_run_that_fails_is_told_in_the_status_and_in_an_event(operator: Operator) -> None:
    operator.ask("n1")
    operator.world.turn()
    (run,) = operator.kfp.runs
    operator.kfp.report(run, "FAILED", error="no such table")
    operator.world.turn()
    last = operator.memory().last
    assert last is not None
    assert (last.outcome, last.reason) == (RunEnd.FAILED, reasons.RETRAINING_FAILED)
    assert "no such table" in last.message


def test_what_is_started_is_fenced_by_the_lease() -> None:
    class Closed(OpenFence):
        def check(self) -> None:
            raise NotLeading("the lease was not renewed")

    inner = FakeRuns()
    runs = FencedRuns(inner, Closed())
    with pytest.raises(NotLeading):
        asyncio.run(runs.start(RunRequest("k", "m", "{}", (), REGISTRY)))
    assert not inner.requests
