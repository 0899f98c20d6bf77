"""Train: seeds, class weights, early stopping, search, and the same bytes from the same rows."""

import io
import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st

from components.train.canonical import canonical
from components.train.folder import SEARCH_FILE, load_candidates, save_trained
from components.train.folds import folds
from components.train.search import distribution
from components.train.step import Trained, fit, load_model, save_model, train
from serinus.core.errors import DataInvalid, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.variants import Range, Variant

LINEAR = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"
BOOSTED = "sklearn.ensemble.GradientBoostingClassifier"  # has no parameter class_weight and none early_stopping
HISTOGRAM = "sklearn.ensemble.HistGradientBoostingClassifier"
NEURAL = "sklearn.neural_network.MLPClassifier"
NEIGHBORS = "sklearn.neighbors.KNeighborsClassifier"
REPOSITORY = Path(__file__).parents[2]


def variant(estimator: str = LINEAR, **fields: object) -> Variant:
    return Variant.model_validate({"name": "v", "estimator": estimator} | fields)


def fitted(trips: pd.DataFrame, config: TrainingConfig, one: Variant) -> Any:
    return train(trips, config, one).named_steps["estimator"]


# Seeds


def test_an_estimator_without_a_random_state_gets_the_seed_of_the_file(
    config: TrainingConfig, trips: pd.DataFrame
) -> None:
    seeded = config.model_copy(update={"seed": 7})
    assert fitted(trips, seeded, variant(FOREST, parameters={"n_estimators": 2})).random_state == 7
    assert fitted(trips, seeded, variant(FOREST, parameters={"n_estimators": 2, "random_state": 3})).random_state == 3


def test_a_random_state_of_null_is_left_unseeded(config: TrainingConfig, trips: pd.DataFrame) -> None:
    assert (
        fitted(trips, config, variant(FOREST, parameters={"n_estimators": 2, "random_state": None})).random_state
        is None
    )


# Class weights


@pytest.mark.parametrize("estimator", [LINEAR, FOREST, HISTOGRAM, BOOSTED])
def test_a_class_that_weighs_more_is_answered_more(estimator: str, config: TrainingConfig, trips: pd.DataFrame) -> None:
    few = {} if estimator == LINEAR else {"max_iter": 10} if estimator == HISTOGRAM else {"n_estimators": 10}
    features = trips[config.feature_names]
    plain = train(trips, config, variant(estimator, parameters=few))
    weighed = train(trips, config, variant(estimator, parameters=few, classWeight={"1": 5}))
    assert weighed.predict(features).sum() > plain.predict(features).sum()


def test_weights_by_parameter_and_by_sample_are_the_same(config: TrainingConfig, trips: pd.DataFrame) -> None:
    by_parameter = train(trips, config, variant(LINEAR, classWeight={"0": 2, "1": 5}))
    plain = variant(LINEAR)
    weights = trips["late"].map({0: 2.0, 1: 5.0}).to_numpy()
    by_sample = train(trips, config, plain).fit(
        trips[config.feature_names], trips["late"], estimator__sample_weight=weights
    )
    np.testing.assert_allclose(
        by_parameter.predict_proba(trips[config.feature_names]),
        by_sample.predict_proba(trips[config.feature_names]),
        rtol=1e-4,
    )


def test_balanced_classes_weigh_the_same_in_all(config: TrainingConfig, trips: pd.DataFrame) -> None:
    rare = trips[(trips["late"] == 0) | (trips["trip"] % 5 == 0)]
    answers = train(rare, config, variant(LINEAR, classWeight="balanced")).predict_proba(rare[config.feature_names])[
        :, 1
    ]
    assert rare["late"].mean() < 0.25
    weights = np.where(rare["late"] == 1, 0.5 / rare["late"].mean(), 0.5 / (1 - rare["late"].mean()))
    assert np.average(answers, weights=weights) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("estimator", "fields", "said"),
    [
        (NEIGHBORS, {"classWeight": "balanced"}, "takes neither class nor sample weights"),
        (LINEAR, {"classWeight": {"late": 5}}, r"classWeight \{'late': 5.0\} is not a class 0 or 1"),
        (LINEAR, {"classWeight": {"1": -1}}, "a finite weight above 0"),
        (LINEAR, {"classWeight": "balanced", "parameters": {"class_weight": None}}, "class_weight is given as a param"),
        (
            LINEAR,
            {"classWeight": "balanced", "search": {"parameters": {"class_weight": ["balanced", None]}}},
            "remove one of the two",
        ),
        (NEIGHBORS, {"earlyStopping": {}}, "cannot stop early by itself"),
        (HISTOGRAM, {"earlyStopping": {}, "parameters": {"early_stopping": False}}, "early_stopping is given"),
    ],
)
def test_what_an_estimator_cannot_do_is_said(
    estimator: str, fields: dict[str, object], said: str, config: TrainingConfig, trips: pd.DataFrame
) -> None:
    with pytest.raises(TrainingFailed, match=said):
        train(trips, config, variant(estimator, **fields))


def test_a_regression_has_no_classes_to_weigh(config: TrainingConfig, trips: pd.DataFrame) -> None:
    one = config.model_copy(update={"task": "regression", "target": "distance"})
    with pytest.raises(TrainingFailed, match="a regression has no classes"):
        train(trips, one, variant("sklearn.linear_model.Ridge", classWeight="balanced"))


def test_rows_of_one_class_are_refused(config: TrainingConfig, trips: pd.DataFrame) -> None:
    trips.loc[trips["late"] == 1, "wind"] = np.nan
    with pytest.raises(DataInvalid, match='rows to train on have the same "late"'):
        train(trips, config, variant(HISTOGRAM, missing="drop"))


# Early stopping


@pytest.mark.parametrize(
    ("estimator", "most", "done"),
    [(HISTOGRAM, "max_iter", "n_iter_"), (BOOSTED, "n_estimators", "n_estimators_"), (NEURAL, "max_iter", "n_iter_")],
)
def test_fitting_stops_where_nothing_gets_better(
    estimator: str, most: str, done: str, config: TrainingConfig, trips: pd.DataFrame
) -> None:
    one = variant(estimator, parameters={most: 400}, earlyStopping={"rounds": 3, "share": 0.2})
    model = fitted(trips, config, one)
    assert model.n_iter_no_change == 3
    assert model.validation_fraction == 0.2
    assert getattr(model, done) < 400


# Search


def test_every_combination_is_tried_and_the_best_is_fitted_on_all_rows(
    config: TrainingConfig, trips: pd.DataFrame
) -> None:
    asked = {"parameters": {"C": [0.01, 0.1, 1], "fit_intercept": [True, False]}}
    found = fit(trips, config, variant(LINEAR, search=asked))
    assert len(found.candidates) == 6
    assert [candidate.rank for candidate in found.candidates] == sorted(c.rank for c in found.candidates)
    best = found.candidates[0]
    assert [candidate.chosen for candidate in found.candidates] == [True] + [False] * 5
    assert best.score == min(candidate.score for candidate in found.candidates)  # of a log loss the least is best
    assert best.metric == "logLoss"
    alone = train(trips, config, variant(LINEAR, parameters=best.parameters))
    assert canonical(skops.io.dumps(found.model)) == canonical(skops.io.dumps(alone))


def test_a_score_that_grows_is_told_as_it_is(config: TrainingConfig, trips: pd.DataFrame) -> None:
    one = config.model_copy(update={"gates": config.gates.model_copy(update={"metric": "auc"})})
    found = fit(trips, one, variant(LINEAR, search={"parameters": {"C": [0.001, 1]}}))
    assert found.candidates[0].score == max(candidate.score for candidate in found.candidates) > 0.5


def test_candidates_are_drawn_from_ranges_and_kept_beside_the_model(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    parameters = {"max_depth": {"low": 2, "high": 5}, "max_features": {"low": 0.2, "high": 0.9}, "n_estimators": [2, 3]}
    one = variant(FOREST, search={"parameters": parameters, "candidates": 4}, classWeight={"1": 2})
    found = fit(trips, config, one)
    save_trained(found, "v", tmp_path / "model")
    assert load_candidates(tmp_path / "model") == found.candidates
    assert len(found.candidates) == 4
    for candidate in found.candidates:
        assert type(candidate.parameters["max_depth"]) is int
        assert 2 <= candidate.parameters["max_depth"] <= 5
        assert 0.2 <= candidate.parameters["max_features"] <= 0.9


def test_a_model_without_a_search_has_no_candidates(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    save_trained(fit(trips, config, variant()), "v", tmp_path / "model")
    assert load_candidates(tmp_path / "model") == ()
    assert not (tmp_path / "model" / SEARCH_FILE).exists()


@pytest.mark.filterwarnings("ignore")  # scikit-learn says the same in many lines
def test_candidates_that_fail_are_told_and_the_others_compete(config: TrainingConfig, trips: pd.DataFrame) -> None:
    found = fit(trips, config, variant(LINEAR, search={"parameters": {"C": [-1, 0.1]}}))
    assert [candidate.parameters for candidate in found.candidates] == [{"C": 0.1}]
    assert "best of 2 candidates: C=0.1" in found.message
    assert "1 failed (The 'C' parameter of LogisticRegression must be" in found.message


@pytest.mark.filterwarnings("ignore")  # scikit-learn says the same in many lines
@pytest.mark.parametrize(
    ("estimator", "parameters", "said"),
    [
        (LINEAR, {"C": [-1, -2]}, r"no candidate of its search could be fitted .*The 'C' parameter"),
        (LINEAR, {"D": [1]}, "has no parameter D to search; it has C, class_weight"),
        (NEIGHBORS, {"n_neighbors": [5000]}, "no candidate of its search .* Expected n_neighbors <= n_samples"),
    ],
)
def test_a_search_that_finds_nothing_says_why(
    estimator: str, parameters: dict[str, object], said: str, config: TrainingConfig, trips: pd.DataFrame
) -> None:
    with pytest.raises(TrainingFailed, match=said):
        train(trips, config, variant(estimator, search={"parameters": parameters}))


def test_too_few_moments_for_the_folds_are_said(config: TrainingConfig, trips: pd.DataFrame) -> None:
    with pytest.raises(TrainingFailed, match=r"do not part into 3 folds \(Cannot have .*; set fewer search.folds"):
        train(
            trips.assign(at=trips["at"].where(trips["trip"] > 9, trips["at"][0]).dt.floor("10D")),
            config,
            variant(LINEAR, search={"parameters": {"C": [1, 2]}}),
        )


@settings(max_examples=40)
@given(
    ends=st.tuples(st.integers(1, 1000), st.integers(1, 1000)).filter(lambda ends: ends[0] < ends[1]),
    scale=st.sampled_from(["linear", "log"]),
    whole=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_what_is_drawn_lies_in_its_range(ends: tuple[int, int], scale: str, whole: bool, seed: int) -> None:
    low, high = ends if whole else map(float, ends)
    drawn = distribution(Range.model_validate({"low": low, "high": high, "scale": scale})).rvs(
        size=50, random_state=np.random.RandomState(seed)
    )
    assert ((drawn >= low) & (drawn <= high)).all()
    assert np.issubdtype(drawn.dtype, np.integer) == whole


def test_both_ends_of_whole_numbers_are_drawn_and_small_ones_more_often_in_the_logarithm() -> None:
    random = np.random.RandomState(0)
    linear = distribution(Range(low=1, high=8)).rvs(size=2000, random_state=random)
    log = distribution(Range(low=1, high=8, scale="log")).rvs(size=2000, random_state=random)
    assert set(linear) == set(log) == set(range(1, 9))
    assert np.mean(linear == 1) == pytest.approx(1 / 8, abs=0.03)
    assert np.mean(log == 1) == pytest.approx(np.log(1.5 / 0.5) / np.log(8.5 / 0.5), abs=0.03)


# Folds


@settings(max_examples=40)
@given(
    moments=st.lists(st.integers(0, 30), min_size=12, max_size=60),
    number=st.integers(2, 4),
    grouped=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_folds_by_time_are_scored_on_later_rows_and_tear_nothing_apart(
    moments: list[int], number: int, grouped: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(moments, unit="h")})
    rows["carrier"] = random.choice(["a", "b", "c", "d", "e", "f", None], len(rows))
    unit = "carrier" if grouped else "at"
    try:
        parts = folds(rows, _folding(by="time", groups="carrier" if grouped else None), number)
    except ValueError:
        assert rows[unit].nunique(dropna=False) <= number
        return
    assert len(parts) == number
    units = rows[unit].fillna("none")
    latest = rows["at"].groupby(units).max()
    for before, after in parts:
        earlier, later = set(units.iloc[before]), set(units.iloc[after])
        assert not earlier & later
        assert latest[list(earlier)].max() <= latest[list(later)].min()


def test_folds_at_random_keep_groups_together(trips: pd.DataFrame) -> None:
    parts = folds(trips, _folding(by="random", groups="carrier"), 3)
    scored = [set(trips["carrier"].iloc[after]) for _, after in parts]
    assert sorted(map(len, scored)) == [1, 1, 1]
    assert all(not set(trips["carrier"].iloc[before]) & after for (before, _), after in zip(parts, scored, strict=True))


def test_folds_at_random_keep_the_classes_in_proportion_and_follow_the_seed(trips: pd.DataFrame) -> None:
    parts = folds(trips, _folding(by="random"), 4)
    assert sorted(np.concatenate([after for _, after in parts])) == list(range(len(trips)))
    for _, after in parts:
        assert trips["late"].iloc[after].mean() == pytest.approx(trips["late"].mean(), abs=0.01)
    again, other = folds(trips, _folding(by="random"), 4), folds(trips, _folding(by="random", seed=1), 4)
    assert all((a[1] == b[1]).all() for a, b in zip(parts, again, strict=True))
    assert any((a[1] != b[1]).any() for a, b in zip(parts, other, strict=True))


def _folding(*, by: str, groups: str | None = None, seed: int = 0) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {
            "model": "m",
            "source": {"type": "csv", "path": "x"},
            "timeColumn": "at",
            "target": "late",
            "task": "classification",
            "features": [{"name": "x", "type": "double"}],
            "window": "1h",
            "seed": seed,
            "split": {"by": by, "groups": groups},
            "variants": [{"name": "v", "estimator": LINEAR}],
        }
    )


# The same bytes


def test_a_model_is_saved_as_the_same_bytes_at_any_time(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, later = tmp_path / "one", tmp_path / "later"
    save_model(train(trips, config, variant(HISTOGRAM)), str(one))
    monkeypatch.setattr(time, "time", lambda: 2e9)
    save_model(train(trips.copy(), config, variant(HISTOGRAM)), str(later))
    assert one.read_bytes() == later.read_bytes()
    assert canonical(one.read_bytes()) == one.read_bytes()


def test_a_canonical_archive_holds_what_skops_wrote() -> None:
    shared = np.arange(4.0)
    written = {"a": shared, "b": [shared, np.arange(3)], "names": {"x", "y", "z"}, "file": "1", "__id__": 7, "n": None}
    read = skops.io.loads(canonical(skops.io.dumps(written)))
    assert read["a"] is read["b"][0]
    assert {name: read[name] for name in ("names", "file", "__id__", "n")} == {
        name: written[name] for name in ("names", "file", "__id__", "n")
    }
    np.testing.assert_array_equal(read["b"][1], [0, 1, 2])
    with zipfile.ZipFile(io.BytesIO(canonical(skops.io.dumps(written)))) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == ["1.npy", "2.npy", "schema.json"]


def test_a_disk_that_refuses_leaves_no_half_a_model(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    trained, target = fit(trips, config, variant()), tmp_path / "models" / "v"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # the kernel then refuses to write on, as on a full disk
    try:
        with pytest.raises(TrainingFailed, match=r"model.skops \(.*File too large.*\); make room there"):
            save_trained(trained, "v", target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(target.parent.iterdir()) == []
    save_trained(trained, "v", target)
    save_trained(trained, "v", target)  # and again over what is there
    assert load_model(str(target / "model.skops")).predict(trips[config.feature_names]).shape == (400,)


def test_types_of_other_libraries_are_not_saved(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"types of other libraries \(pathlib"):
        save_trained(Trained({"folder": Path("/tmp")}, (), ""), "v", tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


TEN_TIMES = """
import json, multiprocessing, sys, tempfile
from pathlib import Path

import pandas as pd
import sklearn.ensemble, sklearn.linear_model, sklearn.model_selection, sklearn.neural_network, skops.io

from components.train.folder import save_trained
from components.train.step import fit
from serinus.artifact import directory_digest
from serinus.training.load import load_config


def digests(_):
    config = load_config(Path(sys.argv[1]))
    rows = pd.read_csv(config.source.path, parse_dates=["at"])
    with tempfile.TemporaryDirectory() as folder:
        for variant in config.variants:
            save_trained(fit(rows, config, variant), variant.name, Path(folder, variant.name))
        return {variant.name: directory_digest(Path(folder, variant.name)) for variant in config.variants}


with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
    print(json.dumps(pool.map(digests, range(5), chunksize=1)))
"""

VARIANTS = """\
variants:
  - name: searched
    estimator: sklearn.linear_model.LogisticRegression
    search: {parameters: {C: {low: 0.01, high: 10.0, scale: log}}, candidates: 2, folds: 2}
  - {name: forest, estimator: sklearn.ensemble.RandomForestClassifier, parameters: {n_estimators: 5, n_jobs: 2}}
  - name: stopped
    estimator: sklearn.ensemble.HistGradientBoostingClassifier
    parameters: {max_iter: 8, max_features: 0.5}
    earlyStopping: {rounds: 3}
    classWeight: balanced
  - {name: neural, estimator: sklearn.neural_network.MLPClassifier, parameters: {max_iter: 5}}
"""


@pytest.mark.long
def test_ten_of_ten_trainings_in_processes_of_their_own_give_one_digest(training_file: Path) -> None:
    """Two interpreters that hash and count threads differently, each with five processes that train everything."""
    text = training_file.read_text()
    training_file.write_text(text[: text.index("variants:")] + VARIANTS)
    path = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "operator" / "src")])
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", TEN_TIMES, str(training_file)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"PYTHONPATH": path, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
        )
        for seed, threads in (("1", "1"), ("2", "3"))
    ]
    found = [one for process in started for one in json.loads(process.communicate()[0])]
    assert len(found) == 10
    assert set(found[0]) == {"searched", "forest", "stopped", "neural"}
    assert all(one == found[0] for one in found)
