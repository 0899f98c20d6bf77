"""The contract of `serinus.ports.ModelRegistry`, against the fake, MLflow on SQLite, and an MLflow server."""

import asyncio
import math
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from serinus.adapters.mlflow_artifacts import ArtifactsHere
from serinus.adapters.mlflow_client import (
    DIGEST_TAG,
    QUARANTINE_TAG,
    ROLLOUT_TAG,
    VERSION_TAG,
    connect,
    ensure_experiment,
)
from serinus.adapters.mlflow_registry import MlflowRegistry
from serinus.adapters.mlflow_rollouts import metric_points
from serinus.artifact import directory_digest, verify_directory
from serinus.core.errors import AliasConflict, ArtifactCorrupted, ModelVersionNotFound, RegistryUnavailable
from serinus.core.state import EvidencePoint, Outcome, RolloutRecord, WeightChange
from serinus.ports import ModelRegistry, Quarantine
from tests.adapters.fakes.registry import FakeModel, FakeRegistry

T = TypeVar("T")
MODEL = "flight-delay"
OWNER = "ml/flight-delay"
T0 = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS = {"harmEvidence": 0.5, "safetyEvidence": math.inf}


def record(version: str, name: str = "1-abc") -> RolloutRecord:
    """A finished rollout of a version."""
    return RolloutRecord(
        id=name,
        attempt=1,
        model=MODEL,
        from_version="",
        to_version=version,
        revision="abc",
        outcome=Outcome.PROMOTED,
        reason="AllSignalsPassed",
        message="passed",
        started_at=T0,
        ended_at=T0 + timedelta(minutes=1),
        weights=(WeightChange(at=T0, weight=10), WeightChange(at=T0 + timedelta(minutes=1), weight=100)),
        signals=(),
        candidate_requests=30,
        candidate_failed=0,
        stable_requests=70,
        stable_failed=1,
        curve=(
            EvidencePoint(
                at=T0,
                weight=10,
                candidate_requests=30,
                candidate_failed=0,
                stable_requests=70,
                stable_failed=1,
                signals={"errors": NUMBERS},
            ),
        ),
    )


def run(question: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(question)


class World(Protocol):
    """What a test needs beside the port: somebody who registers, a person's hand, and what was recorded."""

    registry: ModelRegistry
    lost_artifact_is_seen: bool

    def register(self, model: str, *, digest: bool = True) -> str: ...

    def point(self, model: str, alias: str, version: str) -> None: ...

    def lose_artifact(self, model: str, version: str) -> None: ...

    def recorded(self) -> list[str]: ...

    def quarantined(self, version: str, owner: str) -> str | None: ...


class FakeWorld:
    lost_artifact_is_seen = True

    def __init__(self, folder: Path) -> None:
        self.registry = self.fake = FakeRegistry()
        self.folder = folder

    def register(self, model: str, *, digest: bool = True) -> str:
        known = self.fake.models.setdefault(model, FakeModel())
        version = str(len(known.versions) + 1)
        path = _write_model(self.folder / version, version)
        known.versions[version] = (path, directory_digest(path) if digest else "")
        return version

    def point(self, model: str, alias: str, version: str) -> None:
        self.fake.models[model].aliases[alias] = version

    def lose_artifact(self, model: str, version: str) -> None:
        path, _ = self.fake.models[model].versions[version]
        path.rename(path.with_suffix(".lost"))

    def recorded(self) -> list[str]:
        return list(self.fake.rollouts)

    def quarantined(self, version: str, owner: str) -> str | None:
        return self.fake.quarantined.get((MODEL, version, owner))


class MlflowWorld:
    def __init__(self, uri: str, folder: Path) -> None:
        self.uri, self.folder, self.count = uri, folder, 0
        self.client = connect(uri)
        self.lost_artifact_is_seen = uri.startswith("sqlite")
        ensure_experiment(self.client, MODEL, uri)
        self.registry = MlflowRegistry(uri, ArtifactsHere(uri, folder / "cache"))

    def register(self, model: str, *, digest: bool = True) -> str:
        import mlflow

        mlflow.set_tracking_uri(self.uri)  # creating a version from a logged model asks the process's own registry
        self.count += 1
        path = _write_model(self.folder / f"draft-{self.count}", str(self.count))
        logged = self.client.create_logged_model(ensure_experiment(self.client, MODEL, self.uri), name=model)
        self.client.log_model_artifacts(logged.model_id, str(path))
        if self.count == 1:
            self.client.create_registered_model(model)
        tags = {DIGEST_TAG: directory_digest(path)} if digest else {}
        source = f"models:/{logged.model_id}"
        return str(self.client.create_model_version(model, source, tags=tags, model_id=logged.model_id).version)

    def point(self, model: str, alias: str, version: str) -> None:
        self.client.set_registered_model_alias(model, alias, version)

    def lose_artifact(self, model: str, version: str) -> None:
        path = Path(self.client.get_model_version_download_uri(model, version))
        path.rename(path.with_suffix(".lost"))

    def recorded(self) -> list[str]:
        experiment = self.client.get_experiment_by_name(f"{MODEL}-rollouts")
        return [run.data.tags[ROLLOUT_TAG] for run in self.client.search_runs([experiment.experiment_id])]

    def quarantined(self, version: str, owner: str) -> str | None:
        mark: str | None = self.client.get_model_version(MODEL, version).tags.get(QUARANTINE_TAG + owner)
        return mark


def _write_model(folder: Path, content: str) -> Path:
    (folder / "serinus").mkdir(parents=True)
    (folder / "MLmodel").write_text(f"flavors: {{}}  # {content}\n")
    (folder / "serinus" / "reference.json").write_text(content)
    return folder


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once and copied: MLflow takes two seconds to create one."""
    path = tmp_path_factory.mktemp("database") / "mlflow.db"
    ensure_experiment(connect(f"sqlite:///{path}"), "first", f"sqlite:///{path}")
    return path


@pytest.fixture(params=["fake", "sqlite", "server"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    if request.param == "fake":
        return FakeWorld(tmp_path)
    if request.param == "sqlite":
        path = tmp_path / "mlflow.db"
        path.write_bytes(request.getfixturevalue("empty_database").read_bytes())
        return MlflowWorld(f"sqlite:///{path}", tmp_path)
    return _on_server(request.getfixturevalue("server"), tmp_path)


def _on_server(uri: str, folder: Path) -> MlflowWorld:
    client = connect(uri)
    for model in client.search_registered_models():
        client.delete_registered_model(model.name)
    for experiment in client.search_experiments():
        if experiment.name.endswith("-rollouts"):
            for done in client.search_runs([experiment.experiment_id]):
                client.delete_run(done.info.run_id)
    return MlflowWorld(uri, folder)


def test_a_version_resolves_to_a_folder_with_its_registered_digest(world: World) -> None:
    version = world.register(MODEL)
    artifact = run(world.registry.resolve(MODEL, version=version))
    assert (artifact.model, artifact.version) == (MODEL, version)
    verify_directory(Path(artifact.uri), artifact.digest)
    assert run(world.registry.resolve(MODEL, version=version)) == artifact


def test_an_alias_resolves_to_the_version_it_points_at(world: World) -> None:
    world.register(MODEL)
    second = world.register(MODEL)
    world.point(MODEL, "challenger", second)
    assert run(world.registry.resolve(MODEL, alias="challenger")).version == second
    assert run(world.registry.alias_version(MODEL, "challenger")) == second


def test_an_alias_that_is_not_set_is_none(world: World) -> None:
    world.register(MODEL)
    assert run(world.registry.alias_version(MODEL, "champion")) is None
    assert run(world.registry.alias_version("unknown", "champion")) is None


def test_a_version_without_a_registered_digest_gets_the_one_of_its_files(world: World) -> None:
    artifact = run(world.registry.resolve(MODEL, version=world.register(MODEL, digest=False)))
    assert artifact.digest == directory_digest(Path(artifact.uri))


def test_a_folder_resolves_by_its_path(world: World, tmp_path: Path) -> None:
    folder = _write_model(tmp_path / "by-hand", "x")
    artifact = run(world.registry.resolve(MODEL, uri=str(folder)))
    assert (artifact.version, artifact.digest) == ("", directory_digest(folder))
    with pytest.raises(ModelVersionNotFound, match="there is no model at"):
        run(world.registry.resolve(MODEL, uri=str(tmp_path / "nowhere")))


@pytest.mark.parametrize("wanted", [{"version": "9"}, {"version": "nine"}, {"alias": "champion"}])
def test_what_is_not_registered_is_not_found_and_named(world: World, wanted: dict[str, str]) -> None:
    world.register(MODEL)
    with pytest.raises(ModelVersionNotFound, match=f'"{next(iter(wanted.values()))}" of model "{MODEL}" is not in the'):
        run(world.registry.resolve(MODEL, **wanted))
    with pytest.raises(ModelVersionNotFound, match='of model "unknown" is not in the registry'):
        run(world.registry.resolve("unknown", **wanted))


def test_a_lost_artifact_is_corrupted_not_missing(world: World) -> None:
    if not world.lost_artifact_is_seen:
        pytest.skip("a server keeps its artifacts to itself")
    version = world.register(MODEL)
    world.lose_artifact(MODEL, version)
    with pytest.raises(ArtifactCorrupted, match="restore it or register a new version"):
        run(world.registry.resolve(MODEL, version=version))


def test_moving_an_alias_twice_is_moving_it_once(world: World) -> None:
    first, second = world.register(MODEL), world.register(MODEL)
    for version in (first, first, second, second, first):
        run(world.registry.move_alias(MODEL, "champion", version, OWNER))
        assert run(world.registry.alias_version(MODEL, "champion")) == version


def test_another_owner_never_moves_the_alias(world: World) -> None:
    first, second = world.register(MODEL), world.register(MODEL)
    run(world.registry.move_alias(MODEL, "champion", first, OWNER))
    with pytest.raises(AliasConflict, match=f"belongs to {OWNER}"):
        run(world.registry.move_alias(MODEL, "champion", second, "dev/flight-delay"))
    assert run(world.registry.alias_version(MODEL, "champion")) == first


def test_an_alias_that_a_person_moved_is_left_alone(world: World) -> None:
    first, second, third = (world.register(MODEL) for _ in range(3))
    run(world.registry.move_alias(MODEL, "champion", first, OWNER))
    world.point(MODEL, "champion", second)
    with pytest.raises(AliasConflict, match="by a person"):
        run(world.registry.move_alias(MODEL, "champion", third, OWNER))
    assert run(world.registry.alias_version(MODEL, "champion")) == second


def test_an_alias_that_a_person_set_is_taken_over_only_where_it_points(world: World) -> None:
    first, second = world.register(MODEL), world.register(MODEL)
    world.point(MODEL, "champion", first)
    with pytest.raises(AliasConflict, match="by a person"):
        run(world.registry.move_alias(MODEL, "champion", second, OWNER))
    run(world.registry.move_alias(MODEL, "champion", first, OWNER))
    run(world.registry.move_alias(MODEL, "champion", second, OWNER))
    assert run(world.registry.alias_version(MODEL, "champion")) == second


def test_an_alias_is_never_moved_to_a_version_that_is_not_there(world: World) -> None:
    world.register(MODEL)
    with pytest.raises(ModelVersionNotFound, match="is not in the registry"):
        run(world.registry.move_alias(MODEL, "champion", "9", OWNER))


def test_a_rollout_is_recorded_once(world: World) -> None:
    version = world.register(MODEL)
    for _ in range(2):
        run(world.registry.record_rollout(OWNER, record(version)))
    run(world.registry.record_rollout(OWNER, record(version, "it's another")))
    assert sorted(world.recorded()) == [f"{OWNER}/1-abc", f"{OWNER}/it's another"]


def test_a_rejected_version_is_marked_for_its_owner_until_the_owner_promotes_it(world: World) -> None:
    version, other = world.register(MODEL), "dev/flight-delay"
    bad = record(version, "1-bad").model_copy(update={"outcome": Outcome.ROLLED_BACK, "reason": "ErrorsIncreased"})
    bad_quarantine = Quarantine(version, "ErrorsIncreased")
    for owner in (OWNER, OWNER, other):
        run(world.registry.record_rollout(owner, bad, quarantine=bad_quarantine))
    assert world.quarantined(version, OWNER) == world.quarantined(version, other) == "1-bad: ErrorsIncreased"
    superseded = record(version, "2-superseded").model_copy(update={"outcome": Outcome.SUPERSEDED})
    run(world.registry.record_rollout(OWNER, superseded))
    assert world.quarantined(version, OWNER) == "1-bad: ErrorsIncreased"
    for finished, quarantine in ((record(version, "3-good"), None), (bad, bad_quarantine)):
        run(world.registry.record_rollout(OWNER, finished, quarantine=quarantine))
        assert world.quarantined(version, OWNER) is None, "and an old record that comes again does not mark it anew"
    assert world.quarantined(version, other) == "1-bad: ErrorsIncreased"


def test_going_back_marks_what_is_left_and_unmarks_what_is_gone_back_to(world: World) -> None:
    former, left = world.register(MODEL), world.register(MODEL)
    bad = record(former, "1-bad").model_copy(update={"outcome": Outcome.ROLLED_BACK})
    run(world.registry.record_rollout(OWNER, bad, quarantine=Quarantine(former, "ErrorsIncreased")))
    back = record(former, "2-back").model_copy(update={"from_version": left})
    run(world.registry.record_rollout(OWNER, back, quarantine=Quarantine(left, "RolledBackByUser")))
    assert world.quarantined(former, OWNER) is None
    assert world.quarantined(left, OWNER) == "2-back: RolledBackByUser"


def test_a_rollout_is_recorded_though_no_client_of_the_artifact_store_is_installed(
    tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    def no_client(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'boto3'")

    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    world = MlflowWorld(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    version = world.register(MODEL)
    monkeypatch.setattr(mlflow.MlflowClient, "log_text", no_client)
    run(world.registry.record_rollout(OWNER, record(version)))
    assert list(world.recorded()) == [f"{OWNER}/1-abc"]
    experiment = world.client.get_experiment_by_name(f"{MODEL}-rollouts")
    (done,) = world.client.search_runs([experiment.experiment_id])
    assert (done.info.status, done.data.metrics["errors.harmEvidence"]) == ("FINISHED", 0.5)


@pytest.mark.parametrize("kind", ["sqlite", "server"])
def test_a_recorded_rollout_has_its_curves_and_its_decision(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        (tmp_path / "mlflow.db").write_bytes(request.getfixturevalue("empty_database").read_bytes())
        world = MlflowWorld(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    else:
        world = _on_server(request.getfixturevalue("server"), tmp_path)
    version = world.register(MODEL)
    run(world.registry.record_rollout(OWNER, record(version)))
    experiment = world.client.get_experiment_by_name(f"{MODEL}-rollouts")
    (done,) = world.client.search_runs([experiment.experiment_id])
    assert done.data.tags[VERSION_TAG] == f"{MODEL}/{version}"
    history = world.client.get_metric_history(done.info.run_id, "weight")
    assert [point.value for point in history] == [10, 100]
    assert done.data.metrics["errors.harmEvidence"] == 0.5
    assert done.data.tags["serinus.dev/reason"] == "AllSignalsPassed"
    assert [file.path for file in world.client.list_artifacts(done.info.run_id)] == ["decision.json"]
    assert not (Path.cwd() / "mlruns").exists()


def test_only_finite_numbers_become_metrics() -> None:
    names = [point.name for point in metric_points(record("1"))]
    assert names == ["weight", "weight", "candidateRequests", "stableRequests", "errors.harmEvidence"]


def test_a_share_that_was_copied_is_a_curve_of_its_own() -> None:
    plain = record("1")
    copied = plain.model_copy(update={"weights": (plain.weights[0].model_copy(update={"weight": 0, "mirror": 20}),)})
    points = {point.name: point.value for point in metric_points(copied)}
    assert (points["weight"], points["mirror"]) == (0, 20)


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "sqlite:////nowhere/mlflow.db", "sqlite:///{file}"])
def test_a_registry_that_is_not_there_is_unavailable_and_named(uri: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, though long enough to look like one" * 100)
    address = uri.format(file=tmp_path / "text")
    registry = MlflowRegistry(address, ArtifactsHere(address, tmp_path / "cache"))
    with pytest.raises(RegistryUnavailable, match=uri.split("{", maxsplit=1)[0]):
        run(registry.resolve(MODEL, version="1"))
    with pytest.raises(RegistryUnavailable):
        run(registry.alias_version(MODEL, "champion"))
    with pytest.raises(RegistryUnavailable):
        run(registry.move_alias(MODEL, "champion", "1", OWNER))
    with pytest.raises(RegistryUnavailable):
        run(registry.record_rollout(OWNER, record("1")))


def test_a_password_in_the_address_is_not_shown(tmp_path: Path) -> None:
    address = "http://user:secret@127.0.0.1:9"
    registry = MlflowRegistry(address, ArtifactsHere(address, tmp_path))
    with pytest.raises(RegistryUnavailable) as caught:
        run(registry.alias_version(MODEL, "champion"))
    assert "secret" not in str(caught.value)


def test_reading_a_version_by_name_leaves_its_digest_as_it_was(tmp_path: Path, empty_database: Path) -> None:
    from mlflow.artifacts import download_artifacts

    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    world = MlflowWorld(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    artifact = run(world.registry.resolve(MODEL, version=world.register(MODEL)))
    download_artifacts(artifact_uri=f"models:/{MODEL}/1", tracking_uri=world.uri, registry_uri=world.uri)
    assert (Path(artifact.uri) / "registered_model_meta").exists()
    verify_directory(Path(artifact.uri), artifact.digest)
