"""The gates that look at rows, and the decision that follows from all of them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.evaluate.step import best_variant
from components.gate.checks import GATES
from components.gate.checks.golden import seen_in_training
from components.gate.interval import relative_gain
from components.gate.step import judge
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.gates import Gates
from serinus.training.values import GateDecision
from tests.components.conftest import make_trips
from tests.components.gate_support import NOW, answered, asking, check, rows_of, trained, with_variant

NAN = float("nan")
TIMES = 10  # the four rows of the table, so often


def _decision(config: TrainingConfig, values: list[float], champion: list[float] | None) -> GateDecision:
    rows = rows_of([0, 1, 0, 1] * TIMES)
    return judge(answered(config, rows, values * TIMES, None if champion is None else champion * TIMES))


@pytest.mark.parametrize(
    ("values", "champion", "expected"),
    [
        ([0.2, 0.8, 0.2, 0.8], None, (True, "FirstVersion")),
        ([0.2, 0.8, 0.2, 0.8], [0.4, 0.6, 0.4, 0.6], (True, "BetterThanChampion")),
        ([0.2, 0.8, 0.2, 0.8], [0.2, 0.8, 0.2, 0.8], (False, "NotBetterThanChampion")),
        ([0.2, 0.8, 0.2, 0.8], [0.205, 0.795, 0.205, 0.795], (False, "NotBetterThanChampion")),
        ([0.4, 0.6, 0.4, 0.6], [0.2, 0.8, 0.2, 0.8], (False, "NotBetterThanChampion")),
        ([0.1, NAN, 0.1, 0.9], [0.4, 0.6, 0.4, 0.6], (False, "CoverageTooLow")),
        ([NAN, NAN, NAN, NAN], None, (False, "CoverageTooLow")),
        ([0.4, 0.6, 0.4, 0.6], [NAN, 0.9, 0.1, NAN], (False, "NotBetterThanChampion")),
        ([0.4, 0.6, 0.4, 0.6], [NAN, NAN, NAN, NAN], (True, "NotComparable")),
    ],
)
def test_the_gate_table(
    config: TrainingConfig, values: list[float], champion: list[float] | None, expected: tuple[bool, str]
) -> None:
    decision = _decision(with_variant(config), values, champion)
    assert (decision.better, decision.reason) == expected


def test_the_gate_says_its_numbers(config: TrainingConfig) -> None:
    worse = _decision(with_variant(config), [0.4, 0.6, 0.4, 0.6], [0.2, 0.8, 0.2, 0.8])
    assert worse.message == (
        "v is 128.9% worse than champion version 3 (logLoss 0.5108 against 0.2231 on 40 held-out rows, "
        "95% interval -128.9% to -128.9%; 5.0% is asked for)"
    )
    numbers = check(worse, "improvement").numbers
    assert numbers["gain"] == numbers["low"] == pytest.approx(-1.289, abs=0.001)
    assert (numbers["rows"], numbers["blocks"], numbers["asked"]) == (40, 40, 0.05)


def test_the_gate_compares_nothing_where_the_champion_answers_no_row(config: TrainingConfig) -> None:
    message = _decision(with_variant(config), [0.4, 0.6, 0.4, 0.6], [NAN, NAN, NAN, NAN]).message
    assert "v cannot be compared with champion version 3: no held-out row is answered by both" in message
    assert "better than" not in message


def test_an_open_gate_is_called_open(config: TrainingConfig) -> None:
    one = asking(with_variant(config), minRelativeImprovement=-1.0)
    rows = rows_of([0, 1, 0, 1])
    decision = judge(answered(one, rows, [0.3, 0.7, 0.3, 0.7], [0.2, 0.8, 0.2, 0.8]))
    assert decision.better
    assert "59.8% worse than champion version 3" in decision.message
    assert decision.message.endswith("on 4 held-out rows; the gate is open)")


def test_improvement_knows_which_way_a_metric_is_better() -> None:
    assert relative_gain("logLoss", 0.4, 0.5) == pytest.approx(0.2)
    assert relative_gain("auc", 0.6, 0.5) == pytest.approx(0.2)


def test_a_gain_in_few_moments_is_inconclusive_and_refuses(config: TrainingConfig) -> None:
    rows = rows_of([0, 1] * 50, at=np.repeat(np.arange(5), 20))
    decision = judge(answered(with_variant(config), rows, [0.2, 0.8] * 50, [0.4, 0.6] * 50))
    assert (decision.better, decision.reason) == (False, "TooFewToCompare")
    assert check(decision, "improvement").verdict == "Inconclusive"
    assert "too few groups of rows to tell it from luck" in decision.message


def test_a_gain_that_rests_on_one_lucky_hour_is_not_better(config: TrainingConfig) -> None:
    ours, theirs = np.tile([0.4, 0.6], 100), np.tile([0.39, 0.61], 100)
    ours[:40], theirs[:40] = np.tile([0.1, 0.9], 20), np.tile([0.4, 0.6], 20)
    rows = rows_of([0, 1] * 100, at=np.arange(200) // 20)
    decision = judge(answered(with_variant(config), rows, ours, theirs))
    assert check(decision, "improvement").numbers["gain"] > 0.05
    assert (decision.better, decision.reason) == (False, "NotBetterThanChampion")
    assert "that may be luck, for the interval begins at or below 0.0%" in decision.message


def test_rows_of_a_split_group_are_no_evidence_on_their_own(config: TrainingConfig) -> None:
    rows = rows_of([0, 1] * 40, driver=np.repeat(np.arange(4), 20))
    values = ([0.2, 0.8] * 40, [0.4, 0.6] * 40)
    assert judge(answered(with_variant(config), rows, *values)).better
    grouped = with_variant(config).model_copy(update={"split": config.split.model_copy(update={"groups": "driver"})})
    assert judge(answered(grouped, rows, *values)).reason == "TooFewToCompare"


@pytest.mark.parametrize(("days", "better"), [(29, False), (31, True)])
def test_less_is_asked_of_a_stale_champion(config: TrainingConfig, days: int, better: bool) -> None:
    one = asking(with_variant(config), staleChampion={"after": "720h", "minRelativeImprovement": 0.0})
    rows = rows_of([0, 1] * 20)
    created = NOW - timedelta(days=days)
    decision = judge(answered(one, rows, [0.39, 0.61] * 20, [0.4, 0.6] * 20, created=created))
    assert decision.better is better
    assert ("0.0% is asked for of a champion that is stale" in decision.message) is better
    said = check(decision, "stale_champion")
    assert (said.verdict, said.reason) == ("Pass", "ChampionStale" if better else "ChampionFresh")
    assert said.message.startswith(f"champion version 3 is {days} days old, and stale after 30")


def test_of_a_stale_champion_never_more_is_asked_than_of_a_fresh_one(config: TrainingConfig) -> None:
    one = asking(
        with_variant(config), minRelativeImprovement=-1, staleChampion={"after": "1h", "minRelativeImprovement": 0.1}
    )
    case = answered(one, rows_of([0, 1]), [0.4, 0.6], [0.3, 0.7], created=NOW - timedelta(days=1))
    assert judge(case).better


def test_a_variant_that_answers_nothing_is_asked_nothing_more(config: TrainingConfig) -> None:
    one = asking(with_variant(config), calibration={"maxError": 0.1}, parity={"blocking": False})
    decision = judge(answered(one, rows_of([0, 1]), [NAN, NAN]))
    assert [(c.name, c.verdict) for c in decision.checks] == [
        ("coverage", "Fail"),
        ("improvement", "NotAsked"),
        ("calibration", "NotAsked"),
        ("parity", "NotAsked"),
    ]
    assert not check(decision, "parity").blocking


def test_every_cheap_gate_is_asked_and_the_costly_ones_only_of_what_is_not_refused(config: TrainingConfig) -> None:
    one = asking(
        with_variant(config),
        calibration={"maxError": 0.01},
        fairness={"columns": ["carrier"], "maxDemographicParityDifference": 0.1, "minRows": 10},
        latency={"p99": "1s"},
        reproducibility={},
    )
    rows = rows_of([0, 1] * 20, carrier=["AA", "B6"] * 20)
    decision = judge(answered(one, rows, [0.3, 0.7] * 20))
    assert [(c.name, c.verdict) for c in decision.checks] == [
        ("coverage", "Pass"),
        ("improvement", "Pass"),
        ("fairness", "Fail"),
        ("calibration", "Fail"),
        ("latency", "NotAsked"),
        ("reproducibility", "NotAsked"),
    ]
    assert decision.reason == "FairnessGapTooLarge", "the first that refuses speaks"
    assert check(decision, "latency").message == "not asked, because fairness refuses v"


def test_a_gate_that_does_not_block_is_told_and_refuses_nothing(config: TrainingConfig) -> None:
    one = asking(with_variant(config), calibration={"maxError": 0.01, "blocking": False})
    decision = judge(answered(one, rows_of([0, 1] * 20), [0.3, 0.7] * 20))
    assert check(decision, "calibration").verdict == "Fail"
    assert (decision.better, decision.reason) == (True, "FirstVersion")


def test_every_declared_gate_has_its_check() -> None:
    parameters = {"metric", "min_relative_improvement", "confidence", "min_coverage"}
    declared = set(Gates.model_fields) - parameters
    assert {gate.__name__ for gate in GATES} == declared | {"coverage", "improvement"}


def test_a_decision_survives_its_way_through_the_pipeline(config: TrainingConfig) -> None:
    decision = _decision(with_variant(config), [0.2, 0.8, 0.2, 0.8], [0.4, 0.6, 0.4, 0.6])
    assert GateDecision.model_validate_json(decision.model_dump_json(by_alias=True)) == decision


def test_the_best_variant_answers_enough_rows(config: TrainingConfig) -> None:
    metrics = {"linear": {"coverage": 1.0, "logLoss": 0.5}, "trees": {"coverage": 0.9, "logLoss": 0.4}}
    assert best_variant(metrics, config) == "linear"
    assert best_variant(metrics, asking(config, minCoverage=0.8)) == "trees"


# ---- models that a gate refuses by its name


def test_a_biased_model_is_refused_by_fairness(config: TrainingConfig, tmp_path: Path) -> None:
    trips = make_trips(3000)
    gate = {
        "columns": ["carrier"],
        "maxDemographicParityDifference": 0.2,
        "maxEqualizedOddsDifference": 0.2,
        "minRows": 20,
    }
    fair = asking(config, fairness=gate)
    prejudiced = trips.assign(late=trips["late"].where(trips["carrier"] != "AA", 1))
    decision = judge(trained(fair, prejudiced, tmp_path, holdout=trips))
    assert (decision.better, decision.reason) == (False, "FairnessGapTooLarge")
    numbers = check(decision, "fairness").numbers
    assert numbers["demographicParityDifference.carrier"] > 0.2
    assert numbers["equalizedOddsDifference.carrier"] > 0.2
    assert "between groups of carrier is" in decision.message
    assert judge(trained(fair, trips, tmp_path)).better, "the same model on fair labels passes"


def test_small_groups_are_left_out_and_named(config: TrainingConfig) -> None:
    one = asking(
        with_variant(config), fairness={"columns": ["carrier"], "maxDemographicParityDifference": 0.5, "minRows": 10}
    )
    rows = rows_of([0, 1] * 20, carrier=["AA"] * 20 + ["B6"] * 15 + ["UA"] * 5)
    decision = judge(answered(one, rows, [0.3, 0.7] * 20))
    assert decision.better
    assert "(too few rows in UA)" in check(decision, "fairness").message
    alone = judge(answered(one, rows.assign(carrier=["AA"] * 35 + ["UA"] * 5), [0.3, 0.7] * 20))
    assert (alone.better, alone.reason) == (False, "TooFewGroups")
    assert check(alone, "fairness").message == "carrier has fewer than two groups to compare (too few rows in UA)"


def test_a_model_that_is_unstable_from_slice_to_slice_is_refused_by_slices(
    config: TrainingConfig, tmp_path: Path
) -> None:
    trips = make_trips(1500)
    one = asking(config, slices={"columns": ["carrier"], "metrics": {"accuracy": 0.6}, "minRows": 30})
    inverted = trips.assign(late=trips["late"].where(trips["carrier"] != "UA", 1 - trips["late"]))
    decision = judge(trained(one, trips, tmp_path, holdout=inverted))
    assert (decision.better, decision.reason) == (False, "SliceNotReached")
    assert decision.message.startswith("in carrier UA (")
    assert check(decision, "slices").numbers["worst.accuracy"] < 0.5
    assert judge(trained(one, trips, tmp_path)).better


def test_slices_without_enough_rows_are_inconclusive(config: TrainingConfig) -> None:
    one = asking(with_variant(config), slices={"columns": ["carrier"], "metrics": {"logLoss": 0.6}, "minRows": 30})
    decision = judge(answered(one, rows_of([0, 1] * 20, carrier=["AA", "B6"] * 20), [0.3, 0.7] * 20))
    assert (decision.better, decision.reason) == (False, "SlicesTooSmall")


def test_probabilities_that_mean_something_else_are_refused_by_calibration(config: TrainingConfig) -> None:
    one = asking(with_variant(config), calibration={"maxError": 0.05})
    rows = rows_of([0, 0, 0, 1] * 20)
    assert judge(answered(one, rows, [0.25] * 80)).better
    decision = judge(answered(one, rows, [0.45] * 80))
    assert (decision.better, decision.reason) == (False, "NotCalibrated")
    assert check(decision, "calibration").numbers["error"] == pytest.approx(0.2)


GOLDEN = {"source": {"type": "csv", "path": "golden.csv"}, "metrics": {"auc": 0.7, "logLoss": 0.6}}


def test_the_golden_rows_have_a_floor(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    one = asking(config, golden=GOLDEN)
    case = trained(one, trips, tmp_path)
    passed = judge(replace(case, golden=case.rows))
    assert passed.better
    assert check(passed, "golden").numbers["auc"] > 0.7
    failed = judge(replace(case, golden=case.rows.assign(late=1 - case.rows["late"])))
    assert (failed.better, failed.reason) == (False, "GoldenNotReached")
    assert "auc is 0." in failed.message
    assert "and at least 0.7000 is asked for" in failed.message


def test_golden_rows_in_the_training_rows_are_found_however_they_are_read(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    case = trained(asking(config, golden=GOLDEN), trips, tmp_path)
    leaked = pd.concat([case.rows, case.train[20:23]], ignore_index=True)
    leaked = leaked.astype({"stops": float, "rainy": object}).assign(at=leaked["at"].astype(str))
    decision = judge(replace(case, golden=leaked))
    assert (decision.better, decision.reason) == (False, "GoldenTrainedOn")
    assert decision.message.startswith("3 of 123 golden rows are among the training rows of linear")
    assert seen_in_training(case.rows, case.train, config) == 0


def test_golden_rows_that_cannot_be_judged_are_named(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    case = trained(asking(config, golden=GOLDEN), trips, tmp_path)
    assert judge(replace(case, golden=None)).reason == "NoGoldenRows"
    with pytest.raises(DataInvalid, match="the golden rows lack wind; correct"):
        judge(replace(case, golden=case.rows.drop(columns="wind")))
    with pytest.raises(DataInvalid, match='have no "late" in some rows'):
        judge(replace(case, golden=case.rows.assign(late=np.nan)))


def test_a_large_artifact_is_refused_by_size(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    case = trained(asking(config, size={"maxMebibytes": 5}), trips, tmp_path)
    assert judge(case).better
    small = replace(case, config=asking(config, size={"maxMebibytes": 0.001}))
    assert judge(small).reason == "TooLarge"
    bytes_there = (tmp_path / "linear" / "model.skops").stat().st_size
    assert check(judge(small), "size").numbers["mebibytes"] == pytest.approx(bytes_there / 2**20)
