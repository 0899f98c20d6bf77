"""The interval of the gain: it covers what it says, luck does not pass, and a true gain does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluate.step import score
from components.gate.blocks import MAX_BLOCKS, blocks_of
from components.gate.checks.improvement import improvement
from components.gate.interval import Pairs, interval_of, relative_gain, without_each
from serinus.training.config import TrainingConfig
from serinus.training.gates import CLASSIFICATION_METRICS, REGRESSION_METRICS, Metric
from tests.components.gate_support import answered, asking, rows_of, with_variant

RUNS = 300
ALPHA = 0.05
MONTE_CARLO = 4 * np.sqrt(ALPHA * (1 - ALPHA) / RUNS)  # four standard errors of a share that is ALPHA


def _regression(config: TrainingConfig, **gates: object) -> TrainingConfig:
    one = with_variant(config, estimator="sklearn.linear_model.Ridge").model_copy(update={"task": "regression"})
    return asking(one, metric="rmse", **gates)


def _pairs(random: np.random.Generator, count: int, sizes: tuple[float, float], metric: Metric = "rmse") -> Pairs:
    """Errors with the standard deviations `sizes`; the rows of a block share a good part of their error."""
    blocks = np.repeat(np.arange(count), 10)
    shared = random.normal(size=(2, count))[:, blocks]
    errors = np.sqrt(0.3) * shared + np.sqrt(0.7) * random.normal(size=shared.shape)
    ours, theirs = errors * np.array(sizes)[:, None]
    return Pairs(metric, np.zeros(len(blocks)), ours, theirs, blocks)


def _gain(pairs: Pairs) -> float:
    ours, theirs = (
        np.sqrt(np.mean(x**2)) if pairs.metric == "rmse" else np.mean(np.abs(x)) for x in (pairs.ours, pairs.theirs)
    )
    return float(relative_gain(pairs.metric, ours, theirs))


@pytest.mark.parametrize("metric", REGRESSION_METRICS)
@pytest.mark.parametrize("count", [12, 50])
def test_the_interval_holds_the_true_gain_as_often_as_it_says(metric: Metric, count: int) -> None:
    random, misses = np.random.default_rng(1), 0
    for _ in range(RUNS):
        pairs = _pairs(random, count, (0.9, 1.0), metric)
        interval = interval_of(pairs, _gain(pairs), 1 - ALPHA)
        assert interval is not None
        misses += not interval.low <= 0.1 <= interval.high
    assert misses / RUNS <= ALPHA + MONTE_CARLO
    assert misses > 0, "nor is it so wide that it says nothing"


def test_the_interval_of_auc_holds_the_true_gain_as_often_as_it_says() -> None:
    random, runs, misses = np.random.default_rng(2), 150, 0
    for _ in range(runs):
        truth = random.integers(0, 2, 400).astype(float)
        # Two normal scores one standard deviation apart rank a pair rightly with probability 0.7602.
        ours, theirs = (truth + random.normal(size=400) for _ in range(2))
        pairs = Pairs("auc", truth, ours, theirs, np.arange(400) // 20)
        values = [score_auc(truth, answers) for answers in (ours, theirs)]
        interval = interval_of(pairs, float(relative_gain("auc", *values)), 1 - ALPHA)
        assert interval is not None
        misses += not interval.low <= 0 <= interval.high
    assert 0 < misses / runs <= ALPHA + 4 * np.sqrt(ALPHA * (1 - ALPHA) / runs)


def score_auc(truth: "np.ndarray", answers: "np.ndarray") -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, answers))


def _passes(config: TrainingConfig, sizes: tuple[float, float], runs: int) -> float:
    """How often a model with these errors passes the gate."""
    random, passed = np.random.default_rng(3), 0
    for _ in range(runs):
        pairs = _pairs(random, 20, sizes)
        rows = rows_of(pairs.truth, at=pairs.blocks)
        passed += improvement(answered(config, rows, pairs.ours, pairs.theirs)).verdict == "Pass"
    return passed / runs


def test_luck_does_not_pass(config: TrainingConfig) -> None:
    runs = 200
    equal = _passes(_regression(config, minRelativeImprovement=0.0), (1.0, 1.0), runs)
    assert equal <= ALPHA / 2 + 4 * np.sqrt(ALPHA / 2 / runs), "of the interval only the lower end matters here"


def test_a_true_gain_passes(config: TrainingConfig) -> None:
    assert _passes(_regression(config), (0.6, 1.0), 50) > 0.95


@pytest.mark.parametrize("metric", [*CLASSIFICATION_METRICS, *REGRESSION_METRICS])
def test_leaving_a_block_out_is_scoring_the_other_rows(config: TrainingConfig, metric: Metric) -> None:
    random = np.random.default_rng(4)
    task = "classification" if metric in CLASSIFICATION_METRICS else "regression"
    one = config.model_copy(update={"task": task})
    truth, answers = random.integers(0, 2, 60).astype(float), np.round(random.random(60), 1)  # with ties
    blocks = random.permutation(np.arange(60) % 7)
    expected = [
        score(pd.Series(truth[blocks != block]), pd.Series(answers[blocks != block]), one)[metric] for block in range(7)
    ]
    assert without_each(Pairs(metric, truth, answers, answers, blocks), answers) == pytest.approx(expected)


def test_a_class_in_one_block_alone_gives_no_interval_of_auc() -> None:
    truth = np.zeros(100)
    truth[:5] = 1
    answers = np.linspace(0, 1, 100)
    assert interval_of(Pairs("auc", truth, answers, answers, np.arange(100) // 5), 0.0, 0.95) is None


@given(st.lists(st.integers(0, 120), min_size=1, max_size=300))
def test_rows_of_one_moment_share_a_block(hours: list[int]) -> None:
    rows = rows_of(np.zeros(len(hours)), at=hours)
    config = TrainingConfig.model_validate(
        {
            "model": "m",
            "source": {"type": "csv", "path": "x"},
            "timeColumn": "at",
            "target": "late",
            "task": "regression",
            "features": [{"name": "x", "type": "double"}],
            "window": "1h",
            "variants": [{"name": "v", "estimator": "sklearn.linear_model.Ridge"}],
        }
    )
    blocks = pd.Series(blocks_of(rows, config))
    assert blocks.groupby(rows["at"]).nunique().max() == 1
    assert sorted(blocks.unique()) == list(range(blocks.max() + 1))
    assert blocks.max() < MAX_BLOCKS
    assert blocks[rows["at"].argsort(kind="stable")].is_monotonic_increasing
