"""The gates that start processes: the real predictor on the candidate, and training once more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from components.gate.case import Case
from components.gate.checks.latency import judged, latency
from components.gate.checks.parity import parity
from components.gate.checks.reproducibility import reproducibility
from components.gate.load import Answered, arrivals
from components.gate.requests import chosen, instances
from components.gate.serving import NotServing, Serving, served
from components.gate.step import candidate_served, judge
from serinus.training.config import TrainingConfig
from serinus.training.gates import Latency
from serinus.training.load import load_config
from serinus.training.values import GateCheck
from tests.components.conftest import TRAINING, make_trips
from tests.components.gate_support import asking, check, trained, with_variant

FOREST = "sklearn.ensemble.ExtraTreesClassifier"
PATIENT = {"p99": "30s", "requestsPerSecond": 20, "duration": "1s"}


def _asked(gate: object, case: Case, **gates: object) -> GateCheck:
    said = gate(replace(case, config=asking(case.config, **gates)))  # type: ignore[operator]
    assert isinstance(said, GateCheck)
    return said


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    """A linear model that imputes, with the real predictor on it."""
    folder = tmp_path_factory.mktemp("candidate")
    (folder / "training.yaml").write_text(TRAINING)
    config = asking(load_config(folder / "training.yaml"), parity={})
    with candidate_served(trained(config, make_trips(), folder)) as case:
        assert isinstance(case.serving, Serving)
        yield case


def test_a_sound_candidate_is_served_as_it_was_judged(candidate: Case) -> None:
    same = _asked(parity, candidate, parity={"rows": 100})
    assert (same.verdict, same.reason, same.numbers["rows"]) == ("Pass", "PredictorAgrees", 100)
    fast = _asked(latency, candidate, latency=PATIENT)
    assert (fast.verdict, fast.reason) == ("Pass", "FastEnough")
    assert fast.numbers["requests"] == 20
    assert 0 < fast.numbers["p50Milliseconds"] <= fast.numbers["p99Milliseconds"] < 30_000
    assert fast.numbers["errors"] == 0
    assert 0 < fast.numbers["requestsPerSecond"] <= 20


def test_rows_with_missing_values_are_among_those_compared(candidate: Case) -> None:
    rows = chosen(candidate, 20)
    assert rows["wind"].isna().sum() >= 5
    asked = instances(rows, candidate.config)
    assert [one["wind"] is None for one in asked].count(True) == rows["wind"].isna().sum()
    assert {type(value) for value in asked[-1].values()} == {float, int, str, bool}


def test_answers_of_another_model_are_refused_by_parity(candidate: Case, tmp_path: Path) -> None:
    other = trained(with_variant(candidate.config, parameters={"C": 0.01}), make_trips(), tmp_path)
    said = _asked(parity, replace(candidate, predictions=other.predictions), parity={"rows": 50})
    assert (said.verdict, said.reason) == ("Fail", "PredictorDisagrees")
    assert said.numbers["different"] == 50
    assert "of 50 held-out rows otherwise than the pipeline, by up to 0." in said.message


def test_a_row_that_the_predictor_refuses_fails_parity_with_its_sentence(candidate: Case) -> None:
    refused = replace(candidate, rows=candidate.rows.assign(distance=float("nan")))
    said = _asked(parity, refused, parity={})
    assert (said.verdict, said.reason) == ("Fail", "PredictorFailed")
    assert "the predictor refuses held-out rows with 400" in said.message
    assert "distance" in said.message


def test_a_predictor_that_is_gone_under_load_fails_latency(candidate: Case) -> None:
    gone = replace(candidate, serving=Serving("http://127.0.0.1:1/v1/models/trips:predict"))
    said = _asked(latency, gone, latency=PATIENT | {"duration": "100ms"})
    assert (said.verdict, said.reason, said.numbers["errors"]) == ("Fail", "RequestsFailed", 2)
    assert "2 requests failed, the first with ConnectError" in said.message


def test_a_slow_model_is_refused_by_latency(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    # A hundred trees asked one after another take far more than 2 ms on any machine.
    bagging = {
        "estimator": "sklearn.ensemble.BaggingClassifier",
        "parameters": {"n_estimators": 100, "max_samples": 20},
    }
    strict = {"p99": "2ms", "requestsPerSecond": 10, "duration": "1s"}
    decision = judge(trained(asking(with_variant(config, **bagging), latency=strict), trips, tmp_path))
    assert (decision.better, decision.reason) == (False, "TooSlow")
    assert check(decision, "latency").numbers["p50Milliseconds"] > 2


def test_a_model_that_the_predictor_cannot_load_fails_with_the_end_of_its_log(candidate: Case, tmp_path: Path) -> None:
    with served(tmp_path, "trips") as serving:
        assert isinstance(serving, NotServing)
        dead = replace(candidate, serving=serving)
    for gate, declared in ((parity, {"parity": {}}), (latency, {"latency": PATIENT})):
        said = _asked(gate, dead, **declared)
        assert (said.verdict, said.reason) == ("Fail", "PredictorFailed")
        assert "the predictor ended with exit code 4" in said.message
        assert "does not load" in said.message


@pytest.mark.parametrize(
    ("one", "verdict", "reason"),
    [
        (Answered(0.5, seconds=0.02, late=0.001), "Pass", "FastEnough"),
        (Answered(0.5, seconds=0.2, late=0.001), "Fail", "TooSlow"),
        (Answered(0.5, seconds=0.2, late=0.15), "Inconclusive", "LoadNotReached"),
        (Answered(0.5, seconds=0.02, late=0.001, error="503: busy"), "Fail", "RequestsFailed"),
        (Answered(0.5, seconds=5.0, late=0.001, error="no answer in time"), "Fail", "TooSlow"),
    ],
)
def test_a_load_is_judged_from_the_moment_at_which_each_request_was_due(
    one: Answered, verdict: str, reason: str
) -> None:
    fast = Answered(0.1, seconds=0.01, late=0.001)
    said = judged(Latency.model_validate(PATIENT | {"p99": "100ms"}), [fast] * 15 + [one] * 5)
    assert (said.verdict, said.reason) == (verdict, reason)
    assert ("5 requests failed, the first with" in said.message) is bool(one.error)
    assert said.numbers["errors"] == (5 if one.error else 0)


def test_requests_come_at_the_declared_rate_and_the_same_moments_each_time() -> None:
    due = arrivals(50, 4, seed=1)
    assert len(due) == 200
    assert due == sorted(due) == arrivals(50, 4, seed=1)
    assert 0 <= due[0] < due[-1] < 4


def test_the_same_training_elsewhere_makes_the_same_model(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    said = reproducibility(trained(asking(config, reproducibility={}), trips, tmp_path))
    assert said is not None
    assert (said.verdict, said.reason) == ("Pass", "Reproducible")


def test_a_model_of_chance_is_refused_by_reproducibility(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    unseeded = with_variant(config, estimator=FOREST, parameters={"n_estimators": 10, "random_state": None})
    decision = judge(trained(asking(unseeded, reproducibility={"tolerance": 0.001}), trips, tmp_path))
    assert (decision.better, decision.reason) == (False, "NotReproducible")
    assert check(decision, "reproducibility").numbers["largestDifference"] > 0.001


def test_a_training_that_fails_the_second_time_is_refused(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    case = trained(asking(config, reproducibility={}), trips, tmp_path)
    said = reproducibility(replace(case, variant="nobody"))
    assert said is not None
    assert (said.verdict, said.reason) == ("Fail", "RetrainingFailed")
    assert "training again ended with exit code 1" in said.message
    assert "nobody" in said.message
