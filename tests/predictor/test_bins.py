import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.reference import Feature, Prediction, Reference
from serinus.predictor.bins import FLUSH_ROWS, BinCounter, CategoryBins, NumericBins
from serinus.predictor.decoding import Decoder
from serinus.predictor.schema import from_reference

NUMBERS = st.one_of(st.none(), st.floats(-100, 100), st.integers(-5, 5))
EDGES = st.lists(st.floats(-50, 50), unique=True, max_size=10).map(sorted)
TEXTS = st.one_of(st.none(), st.sampled_from(["JFK", "LGA", "EWR", ""]))
ROWS = st.lists(st.tuples(NUMBERS, TEXTS, st.booleans()), min_size=1, max_size=20)


def reference(edges) -> Reference:
    return Reference(
        target="late",
        rows=1,
        features=(
            Feature(name="temp", type="double", nullable=True, edges=tuple(edges), counts={}),
            Feature(name="origin", type="string", nullable=True, categories=("JFK", "LGA"), counts={}),
            Feature(name="weekend", type="boolean", nullable=False, categories=("false", "true"), counts={}),
        ),
        prediction=Prediction(method="predict_proba", edges=(0.5,), counts={}),
    )


@settings(max_examples=100)
@given(EDGES, st.lists(ROWS, max_size=5), st.integers(1, 40))
def test_counts_add_up_to_rows_times_features_however_they_arrive(edges, batches, repeat):
    described = reference(edges)
    decoder, bins = Decoder(from_reference(described)), BinCounter(described)
    for rows in batches * repeat:
        bins.observe(decoder.rows([list(row) for row in rows]), np.linspace(0, 1, len(rows)))
    total = repeat * sum(map(len, batches))
    assert [sum(count for _, count in counts) for _, counts in bins.features()] == [total] * 3
    assert sum(count for _, count in bins.predictions()) == total


@given(EDGES.filter(len), st.lists(st.floats(-100, 100), min_size=1))
def test_numeric_bins_equal_a_histogram_over_intervals_closed_on_the_right(edges, values):
    bins = NumericBins(edges)
    bins.add(np.array(values))
    # numpy's intervals are closed on the left, so the axis is mirrored.
    mirrored, _ = np.histogram(-np.array(values), bins=[-np.inf, *(-np.array(edges))[::-1], np.inf])
    assert [count for _, count in bins.counts()] == [*mirrored[::-1].tolist(), 0]


def test_a_value_on_an_edge_belongs_to_the_bin_below_it():
    bins = NumericBins([0.0, 1.0])
    bins.add(np.array([0.0, 1.0, 1.5, np.nan]))
    assert bins.counts() == [("0", 1), ("1", 1), ("2", 1), ("missing", 1)]


def test_categories_count_booleans_however_they_are_spelled():
    for categories in (("false", "true"), ("False", "True")):
        bins = CategoryBins(categories)
        bins.add([True, True, False, None])
        assert bins.counts() == [(categories[0], 1), (categories[1], 2), ("other", 0), ("missing", 1)]


def test_rows_are_counted_before_they_pile_up():
    described = reference([0.0])
    batch, bins = Decoder(from_reference(described)).rows([[1.0, "JFK", True]]), BinCounter(described)
    for _ in range(3 * FLUSH_ROWS + 5):
        bins.observe(batch, np.array([0.7]))
    assert bins._waiting == 5


def test_a_failed_prediction_counts_its_features_only():
    described = reference([0.0])
    bins = BinCounter(described)
    bins.observe(Decoder(from_reference(described)).rows([[1.0, "JFK", True]]), None)
    assert bins.features()[0] == ("temp", [("0", 0), ("1", 1), ("missing", 0)])
    assert sum(count for _, count in bins.predictions()) == 0


def test_labels_are_counted_by_name():
    described = reference([]).model_copy(
        update={"prediction": Prediction(method="predict", categories=("0", "1"), counts={})}
    )
    bins = BinCounter(described)
    bins.observe(Decoder(from_reference(described)).rows([[1.0, "JFK", True]] * 3), np.array([1, 1, 7]))
    assert bins.predictions() == [("0", 0), ("1", 2), ("other", 1), ("missing", 0)]


def test_without_a_reference_nothing_is_counted():
    described = reference([0.0])
    bins = BinCounter(None)
    bins.observe(Decoder(from_reference(described)).rows([[1.0, "JFK", True]]), np.array([0.5]))
    assert (bins.features(), bins.predictions()) == ([], [])
