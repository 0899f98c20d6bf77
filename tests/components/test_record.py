"""A pipeline run as an MLflow run, against a real MLflow on SQLite: whole after a retry, whatever was logged before."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import components.gate.record
from components.gate.record import Recording, record
from components.register.run import shown, training_parameters
from components.register.step import register
from serinus.adapters.mlflow_client import CHILD_TAG, OUTCOME_TAG, PART_TAG, RUN_KEY_TAG, connect, tagged
from serinus.adapters.mlflow_runs import PARENT_RUN_TAG
from serinus.core.errors import RegistryUnavailable, SpecInvalid, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, SqlSource
from serinus.training.values import GateCheck, SearchCandidate
from tests.components.mlflow_world import Faulty, make_candidate, make_origin, make_search


@pytest.fixture
def recording(trips: pd.DataFrame, config: TrainingConfig, tmp_path: Path) -> Recording:
    candidate = make_candidate(trips, config, tmp_path)
    make_search(tmp_path / "models" / "trees", 2)
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "calibration.png").write_bytes(b"\x89PNG")
    return Recording(
        origin=make_origin(config),
        card=candidate.card,
        metrics={"linear": candidate.decision.metrics, "trees": {"logLoss": 0.7}},
        decision=candidate.decision,
        report_html="<h1>trips</h1>",
        report_markdown="# trips",
        models=tmp_path / "models",
        evaluation=tmp_path / "evaluation",
    )


def runs(uri: str, tag: str, model: str = "trips") -> list[Any]:
    client = connect(uri)
    return list(client.search_runs([client.get_experiment_by_name(model).experiment_id], tagged(tag, "run-1")))


def test_a_run_has_its_report_its_variants_and_what_was_tried(
    recording: Recording, config: TrainingConfig, uri: str
) -> None:
    run_id = record(uri, config, recording)
    client = connect(uri)
    run = client.get_run(run_id)
    assert (run.info.status, run.data.tags[OUTCOME_TAG]) == ("FINISHED", "passed")
    assert run.data.tags["serinus.dev/gate.size"] == "Pass"
    assert run.data.metrics == pytest.approx({**recording.decision.metrics, "gate.size.mebibytes": 0.1})
    assert run.data.params["gates.minRelativeImprovement"] == "0.05"
    files = {file.path for file in client.list_artifacts(run_id)} | {
        f.path for f in client.list_artifacts(run_id, "evaluation")
    }
    assert files >= {
        "report-card.html",
        "report-card.md",
        "decision.json",
        "training.json",
        "evaluation/calibration.png",
    }
    children = {run.data.tags[CHILD_TAG].split("/")[0]: [] for run in runs(uri, PART_TAG)}
    for child in runs(uri, PART_TAG):
        children[child.data.tags[CHILD_TAG].split("/")[0]].append(child)
    assert {name: len(found) for name, found in children.items()} == {"linear": 1, "trees": 3}
    (trees,) = [child for child in children["trees"] if child.info.run_name == "trees"]
    assert trees.data.tags[PARENT_RUN_TAG] == run_id
    assert trees.data.params["estimator.max_iter"] == "5"
    tried = [child for child in children["trees"] if child is not trees]
    assert {child.data.tags[PARENT_RUN_TAG] for child in tried} == {trees.info.run_id}
    assert {child.data.params["max_leaf_nodes"] for child in tried} == {"2", "3"}


@pytest.mark.parametrize(
    ("reason", "outcome"), [("NotBetterThanChampion", "not better"), ("CoverageTooLow", "refused")]
)
def test_a_run_that_makes_no_version_is_recorded_as_well(
    reason: str, outcome: str, recording: Recording, config: TrainingConfig, uri: str
) -> None:
    failed = GateCheck(
        name="size", verdict="Fail", reason="TooLarge", message="9 MiB", numbers={"mebibytes": float("inf")}
    )
    decided = recording.decision.model_copy(update={"better": False, "reason": reason, "checks": (failed,)})
    run_id = record(uri, config, replace(recording, decision=decided))
    run = connect(uri).get_run(run_id)
    assert (run.data.tags[OUTCOME_TAG], run.data.tags["serinus.dev/gate.size"]) == (outcome, "Fail")
    assert "gate.size.mebibytes" not in run.data.metrics


def test_a_report_that_is_longer_than_a_tag_is_kept_whole_as_a_file(
    recording: Recording, config: TrainingConfig, uri: str
) -> None:
    report = "# trips\n" * 5000
    run_id = record(uri, config, replace(recording, report_markdown=report))
    client = connect(uri)
    assert report.startswith(client.get_run(run_id).data.tags["mlflow.note.content"])
    assert Path(client.download_artifacts(run_id, "report-card.md")).read_text() == report


def test_recording_again_says_the_latest_and_makes_no_run_twice(
    recording: Recording, config: TrainingConfig, uri: str
) -> None:
    first = record(uri, config, recording)
    children = {run.info.run_id for run in runs(uri, PART_TAG)}
    better = {**recording.metrics, "trees": {"logLoss": 0.1}}
    latest = recording.decision.model_copy(update={"metrics": {"logLoss": 0.1}})
    again = replace(recording, metrics=better, decision=latest, report_markdown="# once more")
    assert record(uri, config, again) == first
    client = connect(uri)
    assert client.get_run(first).data.metrics["logLoss"] == 0.1
    assert Path(client.download_artifacts(first, "report-card.md")).read_text() == "# once more"
    assert {run.info.run_id for run in runs(uri, PART_TAG)} == children
    (trees,) = [run for run in runs(uri, PART_TAG) if run.info.run_name == "trees"]
    assert trees.data.metrics["logLoss"] == 0.1


def test_a_child_that_is_complete_is_not_asked_for_again(
    recording: Recording, config: TrainingConfig, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    for _ in range(2):
        client = Faulty(connect(uri))
        monkeypatch.setattr(components.gate.record, "connect", lambda _, client=client: client)
        record(uri, config, recording)
        calls.append(client.calls)
    assert [c.count("create_run") for c in calls] == [5, 0]
    assert [c.count("log_batch") for c in calls] == [5, 1]


@pytest.mark.long
def test_a_recording_that_is_cut_off_at_any_call_is_completed_by_the_retry(
    recording: Recording, config: TrainingConfig, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_search(recording.models / "trees", 1)
    small = replace(recording, metrics={"trees": {"logLoss": 0.7}})

    def attempt(number: object, client: Faulty) -> None:
        monkeypatch.setattr(components.gate.record, "connect", lambda _: client)
        named = config.model_copy(update={"model": f"trips-{number}"})
        record(uri, named, replace(small, origin=make_origin(named)))

    calm = Faulty(connect(uri))
    attempt("calm", calm)
    expected = _shape(uri, "trips-calm")
    for at, name in enumerate(calm.calls):
        for after in (False, True) if name == "create_run" else (False,):
            with pytest.raises(RegistryUnavailable, match=name):
                attempt(f"{at}-{after}", Faulty(connect(uri), at, after=after))
            attempt(f"{at}-{after}", Faulty(connect(uri)))
            assert _shape(uri, f"trips-{at}-{after}") == expected


def _shape(uri: str, model: str) -> list[tuple[Any, ...]]:
    """Every run of a pipeline run, as far as two of them must be alike."""
    found = runs(uri, RUN_KEY_TAG, model) + runs(uri, PART_TAG, model)
    return sorted((run.info.run_name, run.info.status, sorted(run.data.metrics.items())) for run in found)


def test_children_that_two_attempts_made_are_one_afterwards(
    recording: Recording, config: TrainingConfig, uri: str
) -> None:
    run_id = record(uri, config, recording)
    client, before = connect(uri), runs(uri, PART_TAG)
    for run in before:
        kept = {name: value for name, value in run.data.tags.items() if name in (PART_TAG, CHILD_TAG, PARENT_RUN_TAG)}
        client.create_run(run.info.experiment_id, tags=kept)
    assert record(uri, config, recording) == run_id
    assert {run.info.run_id for run in runs(uri, PART_TAG)} == {run.info.run_id for run in before}


def test_register_uses_the_run_of_the_record(
    recording: Recording, config: TrainingConfig, uri: str, trips: pd.DataFrame, tmp_path: Path
) -> None:
    run_id = record(uri, config, recording)
    register(make_candidate(trips, config, tmp_path), config, recording.origin, uri)
    client = connect(uri)
    assert client.get_model_version("trips", "1").run_id == run_id
    assert client.get_run(run_id).data.tags[OUTCOME_TAG] == "registered"
    assert len(runs(uri, RUN_KEY_TAG)) == 1


def test_candidates_with_the_same_parameters_stay_apart(recording: Recording, config: TrainingConfig, uri: str) -> None:
    make_search(recording.models / "linear", 2, same=True)
    record(uri, config, recording)
    assert len([run for run in runs(uri, PART_TAG) if run.data.tags[CHILD_TAG].startswith("linear/")]) == 2


def test_a_run_key_of_another_training_file_is_not_recorded_over(
    recording: Recording, config: TrainingConfig, uri: str
) -> None:
    record(uri, config, recording)
    other = config.model_copy(update={"seed": 5})
    with pytest.raises(TrainingFailed, match=r"made by another training file .* an id of its own"):
        record(uri, other, replace(recording, origin=make_origin(other)))


def test_a_run_key_that_cannot_be_searched_is_refused(recording: Recording, config: TrainingConfig, uri: str) -> None:
    with pytest.raises(SpecInvalid, match="o'clock, which has a quote in it; choose another name"):
        record(uri, config, replace(recording, origin=make_origin(config, "six o'clock")))


def test_no_password_or_signature_of_a_source_is_recorded(config: TrainingConfig) -> None:
    sql = SqlSource(type="sql", url="postgresql://me:secret@db/rows?sslkey=secret", query="select 1")
    web = FileSource(type="csv", path="https://me:secret@host/rows.csv?X-Amz-Signature=secret")
    for source in (sql, web):
        guarded = config.model_copy(update={"source": source})
        assert "secret" not in json.dumps(training_parameters(guarded))
        assert "secret" not in shown(guarded).model_dump_json()


def test_a_disk_that_is_full_at_the_artifact_store_is_told(
    recording: Recording, config: TrainingConfig, uri: str
) -> None:
    run_id = record(uri, config, recording)
    report = Path(connect(uri).get_run(run_id).info.artifact_uri, "report-card.html")
    report.unlink()
    report.symlink_to("/dev/full")
    with pytest.raises(RegistryUnavailable, match=r"has no space left for its files .*; free some, then try again"):
        record(uri, config, recording)


def test_a_search_is_read_as_it_was_written(tmp_path: Path) -> None:
    make_search(tmp_path, 1)
    (one,) = json.loads((tmp_path / "search.json").read_text())
    assert SearchCandidate.model_validate(one).parameters == {"max_leaf_nodes": 2}
