"""What every source of training files does, and what each says of a file that is missing or wrong."""

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from pipelines.compile import COMPILED
from serinus.core.errors import SpecInvalid, TrainingUnavailable
from serinus.core.pipeline_run import Training
from serinus.kubernetes.trainings import CONFIG_MAP, ConfigMapTrainings
from serinus.local.trainings import FileTrainings
from serinus.ports import Key, TrainingSource
from tests.fakes.training import FakeTrainings
from tests.kubernetes.fake_api import FakeApiServer, Fault

T = TypeVar("T")
KEY = Key("ml", "trips")
REGISTRY = "http://mlflow.mlflow:5000"
TEXT = """\
model: trips
source: {type: parquet, path: "s3://tables/trips.parquet"}
timeColumn: at
target: late
task: classification
features: [{name: distance, type: double}]
window: 240h
variants: [{name: linear, estimator: sklearn.linear_model.LogisticRegression}]
"""


def answer(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


class Source(Protocol):
    """A source, and who writes the files it reads."""

    source: TrainingSource

    def write(self, text: str) -> None: ...

    def compile(self, text: bytes) -> None: ...


class Fake:
    def __init__(self, folder: Path) -> None:
        self.source = FakeTrainings(Training("trips", "{}", ("linear",), REGISTRY, "code"))
        self.source.error = SpecInvalid("there is no training file; create it")

    def write(self, text: str) -> None:
        self.source.error = None if "trips" in text else SpecInvalid("it is not valid; correct it")
        self.source.training = Training("trips", text, ("linear",), REGISTRY, f"code of {text}")

    def compile(self, text: bytes) -> None:
        training = self.source.training
        self.source.training = Training("trips", training.training, ("linear",), REGISTRY, f"{text!r}")


class File:
    def __init__(self, folder: Path) -> None:
        self._folder, self._compiled = folder, folder / "compiled.yaml"
        self._compiled.write_bytes((COMPILED / "training.yaml").read_bytes())
        self.source = FileTrainings(folder, REGISTRY, folder / "snapshots", self._compiled)

    def write(self, text: str) -> None:
        (self._folder / "trips-training.yaml").write_text(text)

    def compile(self, text: bytes) -> None:
        self._compiled.write_bytes(text)


class ConfigMap:
    def __init__(self, folder: Path) -> None:
        self.server, self._compiled = FakeApiServer(), folder / "compiled.yaml"
        self._compiled.write_bytes((COMPILED / "training.yaml").read_bytes())
        self.source = ConfigMapTrainings(self.server.api(), REGISTRY, "s3://tables/snapshots", self._compiled)

    def write(self, text: str) -> None:
        meta = {"name": "trips-training", "namespace": "ml", "annotations": {"serinus.dev/git-sha": "abc"}}
        self.server.put(CONFIG_MAP, {"metadata": meta, "data": {"training.yaml": text}})

    def compile(self, text: bytes) -> None:
        self._compiled.write_bytes(text)


@pytest.fixture(params=[Fake, File, ConfigMap])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    made: Source = request.param(tmp_path)
    return made


@pytest.fixture
def config_map(tmp_path: Path) -> ConfigMap:
    return ConfigMap(tmp_path)


def read(world: Source) -> Training:
    return answer(world.source.read(KEY, "trips-training"))


def test_a_file_is_read_as_what_a_run_is_started_with(world: Source) -> None:
    world.write(TEXT)
    training = read(world)
    assert (training.model, training.variants, training.registry_uri) == ("trips", ("linear",), REGISTRY)
    assert training.request("k").key == "k"


def test_the_same_file_and_pipeline_have_the_same_digest_and_others_another(world: Source) -> None:
    world.write(TEXT)
    first = read(world).code
    assert read(world).code == first
    world.write(TEXT.replace("240h", "480h"))
    second = read(world).code
    assert second != first
    world.compile(b"another pipeline")
    assert read(world).code not in (first, second)


def test_a_file_that_is_not_there_is_said(world: Source) -> None:
    with pytest.raises(SpecInvalid):
        read(world)


def test_a_file_that_is_wrong_is_said(world: Source) -> None:
    world.write("model: taxis\n")
    with pytest.raises(SpecInvalid):
        read(world)


def test_a_config_map_that_is_missing_or_empty_is_named(config_map: ConfigMap) -> None:
    with pytest.raises(SpecInvalid, match="there is no ConfigMap ml/trips-training; create it"):
        read(config_map)
    config_map.server.put(CONFIG_MAP, {"metadata": {"name": "trips-training", "namespace": "ml"}})
    with pytest.raises(SpecInvalid, match=r"has no key training\.yaml"):
        read(config_map)


def test_a_config_map_that_may_not_be_read_says_what_to_set(config_map: ConfigMap) -> None:
    config_map.server.faults.append(Fault(403))
    with pytest.raises(TrainingUnavailable, match=r"retraining\.enabled: true"):
        read(config_map)


def test_a_config_map_that_cannot_be_read_now_is_asked_for_again(config_map: ConfigMap) -> None:
    config_map.server.faults.append(Fault(422))
    with pytest.raises(TrainingUnavailable, match="cannot be read"):
        read(config_map)


def test_what_a_pipeline_in_a_cluster_cannot_reach_is_refused(config_map: ConfigMap) -> None:
    config_map.write(TEXT.replace("s3://tables/trips.parquet", "trips.parquet"))
    with pytest.raises(SpecInvalid, match="cannot read a file of this machine"):
        read(config_map)


def test_the_lineage_of_a_config_map_is_its_annotation_and_the_steps_images(config_map: ConfigMap) -> None:
    config_map.write(TEXT)
    training = read(config_map)
    assert training.git_sha == "abc"
    assert "train" in json.loads(training.images)
    assert training.snapshot_root == "s3://tables/snapshots"
