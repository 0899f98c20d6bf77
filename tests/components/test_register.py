"""Register against a real MLflow on SQLite: once per run, whatever breaks, with all that an auditor asks for."""

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
import pytest
from pydantic import ValidationError

import components.register.step
from components.images import lineage
from components.register.candidate import Candidate, origin_of
from components.register.folder import FILES_FILE, MODEL_CARD_FILE, TRAINING_FILE, input_example
from components.register.packaging import requirements
from components.register.step import register
from components.register.versions import registered
from serinus.adapters.mlflow_client import (
    DATA_DIGEST_TAG,
    DIGEST_TAG,
    GIT_SHA_TAG,
    IMAGES_TAG,
    JOB_TAG,
    OWNER_TAG,
    PARENT_TAG,
    PROMOTED_TAG,
    RUN_KEY_TAG,
    SNAPSHOT_TAG,
    TRAINING_TAG,
    VERSION_TAG,
    connect,
    tagged,
)
from serinus.artifact import file_digest, verify_directory
from serinus.core.errors import AliasConflict, RegistryUnavailable, SpecInvalid, TrainingFailed
from serinus.core.reference import REFERENCE_FILE
from serinus.training.config import Registry, TrainingConfig
from serinus.training.gates import Fairness
from serinus.training.values import GateCheck
from serinus.training.variants import Variant
from tests.components.mlflow_world import Faulty, Interrupted, make_candidate, make_origin

CREATES = ("create_experiment", "create_run", "create_logged_model", "create_registered_model", "create_model_version")


@pytest.fixture
def candidate(trips: pd.DataFrame, config: TrainingConfig, tmp_path: Path) -> Candidate:
    return make_candidate(trips, config, tmp_path)


def files_of(uri: str, version: str = "1") -> Path:
    return Path(connect(uri).get_model_version_download_uri("trips", version))


def test_a_version_says_where_it_comes_from(candidate: Candidate, config: TrainingConfig, uri: str) -> None:
    decided = candidate.decision.model_copy(update={"champion_version": "7"})
    origin = make_origin(config)
    assert register(_with(candidate, decision=decided), config, origin, uri) == "1"
    client = connect(uri)
    version = client.get_model_version("trips", "1")
    expected = {
        RUN_KEY_TAG: "run-1",
        JOB_TAG: "job-7",
        GIT_SHA_TAG: "c0ffee",
        IMAGES_TAG: '{"train": "sha256:1"}',
        TRAINING_TAG: origin.training_digest,
        DATA_DIGEST_TAG: candidate.card.digest,
        SNAPSHOT_TAG: "s3://rows/d",
        PARENT_TAG: "7",
    }
    assert version.tags.items() >= expected.items()
    run = client.get_run(version.run_id)
    assert run.data.tags.items() >= {**expected, VERSION_TAG: "trips/1"}.items()
    assert run.data.metrics == pytest.approx(candidate.decision.metrics)
    assert client.get_model_version_by_alias("trips", "challenger").version == 1


def test_every_file_of_a_version_has_its_digest(candidate: Candidate, config: TrainingConfig, uri: str) -> None:
    register(candidate, config, make_origin(config), uri)
    folder = files_of(uri)
    verify_directory(folder, connect(uri).get_model_version("trips", "1").tags[DIGEST_TAG])
    digests = json.loads((folder / FILES_FILE).read_text())
    assert digests == {name: file_digest(folder / name) for name in digests}
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert present == {*digests, FILES_FILE}
    assert {"MLmodel", "model.skops", "input_example.json", REFERENCE_FILE, MODEL_CARD_FILE, TRAINING_FILE} <= present


def test_a_version_answers_its_own_example(candidate: Candidate, config: TrainingConfig, uri: str) -> None:
    register(candidate, config, make_origin(config), uri)
    model = mlflow.pyfunc.load_model(str(files_of(uri)))
    example = model.input_example
    assert list(example.columns) == config.feature_names
    assert model.metadata.signature.inputs.input_names() == config.feature_names
    assert set(model.predict(example)) <= {0, 1}


def test_the_example_is_of_complete_rows_and_tells_nothing_sensitive(
    config: TrainingConfig, trips: pd.DataFrame
) -> None:
    rows = trips.assign(carrier=["UA", "AA", "B6", *["AA"] * 397], wind=trips["wind"].where(trips.index != 0))
    fairness = Fairness(columns=("carrier",), max_demographic_parity_difference=0.1)
    guarded = config.model_copy(update={"gates": config.gates.model_copy(update={"fairness": fairness})})
    example = input_example(rows, guarded)
    assert list(example["carrier"]) == ["AA"] * 3
    assert not example.isna().any().any()
    assert set(input_example(rows, config)["carrier"]) == {"AA", "B6"}


@pytest.mark.parametrize("refused", ["not better", "a blocking gate"])
def test_what_a_gate_refuses_is_not_registered(
    refused: str, candidate: Candidate, config: TrainingConfig, uri: str
) -> None:
    failed = GateCheck(name="latency", verdict="Fail", reason="TooSlow", message="p99 is 2 s")
    said = {"better": False} if refused == "not better" else {"checks": (failed,)}
    worse = _with(candidate, decision=candidate.decision.model_copy(update=said))
    with pytest.raises(
        TrainingFailed, match=r"linear is not registered as a version of trips: (FirstVersion|latency) refuses"
    ):
        register(worse, config, make_origin(config), uri)
    assert connect(uri).search_registered_models() == []


def test_a_gate_that_does_not_block_refuses_nothing(candidate: Candidate, config: TrainingConfig, uri: str) -> None:
    told = GateCheck(name="latency", verdict="Fail", reason="TooSlow", message="p99 is 2 s", blocking=False)
    decided = candidate.decision.model_copy(update={"checks": (told,)})
    register(_with(candidate, decision=decided), config, make_origin(config), uri)
    assert "p99 is 2 s" in (files_of(uri) / MODEL_CARD_FILE).read_text()


def calls_of(attempt: Callable[[], object], uri: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls of an attempt that nothing disturbs."""
    watched = Faulty(connect(uri))
    monkeypatch.setattr(components.register.step, "connect", lambda _: watched)
    attempt()
    return watched.calls


@pytest.mark.long
def test_a_registry_that_fails_at_any_call_gets_one_whole_version_from_the_retry(
    candidate: Candidate, config: TrainingConfig, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attempt(number: object) -> str:
        named = config.model_copy(update={"model": f"trips-{number}"})
        return register(candidate, named, make_origin(named), uri)

    calls = calls_of(lambda: attempt("calm"), uri, monkeypatch)
    # What is created is there although nobody was told so; all else is the same when it is done twice.
    broken = [(at, after) for at, name in enumerate(calls) for after in (False, True) if name in CREATES or not after]
    for at, after in broken:
        client = Faulty(connect(uri), at, after=after)
        monkeypatch.setattr(components.register.step, "connect", lambda _, client=client: client)
        with pytest.raises(RegistryUnavailable, match=calls[at]):
            attempt(f"{at}-{after}")
        seen = client.search_model_versions(f"name = 'trips-{at}-{after}'")
        assert all(DIGEST_TAG in version.tags for version in seen)
        attempt(f"{at}-{after}")
        assert_whole(uri, f"trips-{at}-{after}", "run-1")


@pytest.mark.long
def test_attempts_that_overlap_at_any_call_make_one_version(
    candidate: Candidate, config: TrainingConfig, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def attempt(number: object) -> str:
        named = config.model_copy(update={"model": f"trips-{number}"})
        return register(candidate, named, make_origin(named), uri)

    calls = calls_of(lambda: attempt("calm"), uri, monkeypatch)
    for at in [at for at, name in enumerate(calls) if name in (*CREATES, "set_registered_model_alias")]:

        def other(at: int = at) -> str:
            monkeypatch.setattr(components.register.step, "connect", connect)
            return attempt(at)

        client = Interrupted(connect(uri), at, other)
        monkeypatch.setattr(components.register.step, "connect", lambda _, client=client: client)
        try:
            assert attempt(at) == client.said
        except RegistryUnavailable:  # the other one was faster and cleared away what this one was about to register
            assert other() == client.said
        assert_whole(uri, f"trips-{at}", "run-1")


def assert_whole(uri: str, model: str, key: str) -> None:
    """One version, one run, one logged model, and the alias."""
    client = connect(uri)
    (version,) = client.search_model_versions(f"name = '{model}'")
    verify_directory(Path(client.get_model_version_download_uri(model, version.version)), version.tags[DIGEST_TAG])
    assert client.get_model_version_by_alias(model, "challenger").version == version.version
    assert client.get_registered_model(model).tags[PROMOTED_TAG + "challenger"] == str(version.version)
    experiment = client.get_experiment_by_name(model).experiment_id
    (run,) = client.search_runs([experiment], tagged(RUN_KEY_TAG, key))
    assert (run.info.run_id, run.info.status) == (version.run_id, "FINISHED")
    assert run.data.tags[VERSION_TAG] == f"{model}/{version.version}"
    (logged,) = client.search_logged_models([experiment])
    assert (f"models:/{logged.model_id}", str(logged.status)) == (version.source, "READY")


def test_the_alias_goes_to_each_newer_version_and_never_back(
    candidate: Candidate, config: TrainingConfig, uri: str
) -> None:
    for key, expected in (("run-1", "1"), ("run-2", "2"), ("run-1", "1")):
        assert register(candidate, config, make_origin(config, key), uri) == expected
    assert connect(uri).get_model_version_by_alias("trips", "challenger").version == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.set_registered_model_tag("trips", OWNER_TAG + "challenger", "ml/trips"), "belongs to ml/trips"),
        (lambda c: c.set_registered_model_alias("trips", "challenger", "1"), "was pointed at version 1 by a person"),
    ],
)
def test_an_alias_of_somebody_else_is_told_before_anything_is_written(
    change: Callable[[Any], None], said: str, candidate: Candidate, config: TrainingConfig, uri: str
) -> None:
    client = connect(uri)
    for key in ("run-1", "run-2"):
        register(candidate, config, make_origin(config, key), uri)
    change(client)
    with pytest.raises(AliasConflict, match=f'alias "challenger" of model "trips" {said}.* to a new version') as caught:
        register(candidate, config, make_origin(config, "run-3"), uri)
    assert "delete the" in str(caught.value)
    assert len(client.search_model_versions("name = 'trips'")) == 2
    assert registered(client, "trips", "run-3") is None


def test_a_run_that_was_cut_off_behind_the_alias_leaves_it_movable(
    candidate: Candidate, config: TrainingConfig, uri: str
) -> None:
    client = connect(uri)
    for key in ("run-1", "run-2"):
        register(candidate, config, make_origin(config, key), uri)
    client.set_registered_model_tag("trips", PROMOTED_TAG + "challenger", "1")
    register(candidate, config, make_origin(config, "run-3"), uri)
    assert client.get_model_version_by_alias("trips", "challenger").version == 3


def test_a_run_key_of_another_training_file_is_refused(candidate: Candidate, config: TrainingConfig, uri: str) -> None:
    register(candidate, config, make_origin(config), uri)
    other = config.model_copy(update={"seed": 5})
    with pytest.raises(TrainingFailed, match=r'run "run-1" of model "trips" is in the registry already.*id of its own'):
        register(candidate, other, make_origin(other), uri)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"challengerAlias": "champion"}, 'alias and challengerAlias are both "champion"'),
        ({"challengerAlias": "v12"}, '"v12" is no alias that MLflow takes'),
        ({"alias": "the best"}, '"the best" is no alias that MLflow takes'),
    ],
)
def test_an_alias_that_cannot_be_is_refused_in_the_file(fields: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Registry.model_validate(fields)


def test_a_model_file_that_is_gone_is_not_blamed_on_the_registry(
    candidate: Candidate, config: TrainingConfig, uri: str
) -> None:
    candidate.model_file.unlink()
    with pytest.raises(TrainingFailed, match=r"the model folder of linear cannot be written .*model.skops"):
        register(candidate, config, make_origin(config), uri)
    assert connect(uri).search_registered_models() == []


def test_an_example_is_made_where_no_row_is_complete(
    candidate: Candidate, config: TrainingConfig, trips: pd.DataFrame, uri: str
) -> None:
    register(_with(candidate, train=trips[:280].assign(wind=float("nan"))), config, make_origin(config), uri)
    assert json.loads((files_of(uri) / "input_example.json").read_text())["columns"] == config.feature_names


def test_images_that_are_no_object_of_digests_are_refused(config: TrainingConfig) -> None:
    with pytest.raises(SpecInvalid, match="not a JSON object of digests by step"):
        origin_of("{}", run_key="r", job_id="", git_sha="", images="sha256:1")


def test_a_run_without_a_name_is_refused() -> None:
    with pytest.raises(SpecInvalid, match="neither a run key nor a job id"):
        origin_of("{}", run_key="", job_id="", git_sha="")


def test_a_run_without_a_key_goes_by_its_job() -> None:
    assert origin_of("{}", run_key="", job_id="job", git_sha="").run_key == "job"


def test_the_lineage_names_images_by_digest_where_the_environment_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(lineage())["train"].startswith("ghcr.io/serinus/model:")
    monkeypatch.setenv("SERINUS_IMAGE_DIGESTS", '{"train": "sha256:2"}')
    assert lineage() == '{"train": "sha256:2"}'


def test_a_run_with_other_rows_is_not_told_over(candidate: Candidate, config: TrainingConfig, uri: str) -> None:
    register(candidate, config, make_origin(config), uri)
    others = _with(candidate, card=candidate.card.model_copy(update={"digest": "sha256:" + "e" * 64}))
    with pytest.raises(TrainingFailed, match="of other rows"):
        register(others, config, make_origin(config), uri)
    assert len(connect(uri).search_model_versions("name = 'trips'")) == 1


def test_a_deleted_experiment_is_named_with_what_restores_it(
    candidate: Candidate, config: TrainingConfig, uri: str
) -> None:
    client = connect(uri)
    experiment = client.create_experiment("trips")
    client.delete_experiment(experiment)
    with pytest.raises(RegistryUnavailable, match=f"mlflow experiments restore -x {experiment}"):
        register(candidate, config, make_origin(config), uri)


def test_a_model_says_which_versions_load_it(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = Variant(name="v", estimator="sklearn.linear_model.Ridge")
    assert requirements(variant)[2:] == [f"scikit-learn=={version('scikit-learn')}", f"skops=={version('skops')}"]
    monkeypatch.setattr("importlib.metadata.version", lambda name: {"lightgbm": "4.6"}.get(name, "1"))
    assert requirements(Variant(name="v", estimator="lightgbm.LGBMClassifier"))[-1] == "lightgbm==4.6"


def _with(candidate: Candidate, **fields: Any) -> Candidate:
    from dataclasses import replace

    return replace(candidate, **fields)
