"""Bins of answers: the same for every model of a kind, bounded, and all of them there from the start."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serinus.predictor.answers import MAX_LABELS, answer_bins, number_edges
from serinus.predictor.bins import BinCounter
from serinus.predictor.decoding import Batch

BATCH = Batch(0, np.empty((0, 0)), ())


def model(method="predict", classes=(), answer=0.0):
    """As much of a loaded model as the bins depend on."""
    decoder = SimpleNamespace(rows=lambda rows: rows)
    return SimpleNamespace(
        method=method, classes=classes, decoder=decoder, example=0, predict=lambda _: np.array([answer])
    )


def counted(described, values):
    counter = BinCounter(None, answer_bins(described))
    counter.observe(BATCH, np.array(values))
    return {name: count for name, count in counter.answers() if count}


def test_probabilities_have_twenty_bins_named_by_their_upper_edge():
    bins = dict(BinCounter(None, answer_bins(model("predict_proba"))).answers())
    assert list(bins)[:2] == ["0.05", "0.1"]
    assert list(bins)[-2:] == ["1", "missing"]
    assert (len(bins), set(bins.values())) == (21, {0})
    assert counted(model("predict_proba"), [0.0, 0.05, 0.051, 1.0, np.nan]) == {
        "0.05": 2, "0.1": 1, "1": 1, "missing": 1,
    }  # fmt: skip


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_any_number_is_counted_once_in_few_bins(values):
    found = counted(model(), values)
    assert sum(found.values()) == len(values)
    assert len(number_edges()) + 2 < 80


@given(st.floats(1e-3, 1e7), st.booleans())
def test_two_numbers_of_one_bin_differ_by_a_factor_of_two_and_a_half_at_most(value, negative):
    edges = np.array(number_edges())
    number = -value if negative else value
    at = np.searchsorted(edges, number, side="left")
    low, high = sorted(abs(edges[at - 1 : at + 1]))
    assert high / low <= 2.5 * (1 + 1e-9)
    assert low * (1 - 1e-9) <= value <= high * (1 + 1e-9)


def test_labels_are_counted_by_name_and_the_rest_as_other():
    many = tuple(f"label {index}" for index in range(100))
    bins = dict(BinCounter(None, answer_bins(model(classes=many))).answers())
    assert len(bins) == MAX_LABELS + 2
    assert counted(model(classes=("0", "1")), [1, 1, 0, 7]) == {"1": 2, "0": 1, "other": 1}


def test_answers_of_a_kind_that_nothing_describes_are_other():
    assert counted(model(answer="late"), ["late", "in time"]) == {"other": 2}
