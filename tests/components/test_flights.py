"""The flights that the examples train on, and how good the example's variants are on them."""

import json
from pathlib import Path

import pandas as pd
import pytest

from components.evaluate.evaluation import evaluate_variant
from components.evaluate.step import predict_answerable
from components.split.step import split
from components.train.step import train
from serinus.training.config import TrainingConfig
from serinus.training.flights import WEATHER, load
from serinus.training.load import load_config

EXAMPLES = Path(__file__).parents[2] / "examples" / "flights"
# Tolerances leave room for other versions of the libraries on another machine, not for another model.
GOLDEN = json.loads(Path(__file__).with_name("flights_golden.json").read_text())


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return load()


def test_every_flight_is_there_once_with_its_outcome(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert not flights.duplicated(["scheduled_departure", "carrier", "flight", "origin"]).any()
    assert flights["late"].mean() == pytest.approx(0.2585, abs=0.0001)


def test_nothing_known_only_after_departure_is_a_column(flights: pd.DataFrame) -> None:
    known = {"scheduled_departure", "flight", "carrier", "origin", "dest", "distance", "scheduled_minute", "weekday"}
    assert set(flights.columns) == known | set(WEATHER) | {"late"}


def test_one_february_flight_in_seven_lacks_some_weather(flights: pd.DataFrame) -> None:
    february = flights[flights["scheduled_departure"].between("2013-02-01", "2013-03-01")]
    assert february[list(WEATHER)].isna().any(axis=1).mean() == pytest.approx(0.143, abs=0.002)


@pytest.fixture(scope="module")
def january(flights: pd.DataFrame) -> tuple[TrainingConfig, pd.DataFrame, pd.DataFrame]:
    """The example's training file, with the rows that it trains on and holds out."""
    config = load_config(EXAMPLES / "training.yaml")
    assert config.as_of is not None
    times = flights[config.time_column]
    window = flights[(times >= config.as_of - config.window) & (times < config.as_of)]
    return config, *split(window.reset_index(drop=True), config)


@pytest.mark.parametrize("variant", sorted(GOLDEN))
def test_a_variant_of_the_example_is_as_good_as_it_was(
    variant: str, january: tuple[TrainingConfig, pd.DataFrame, pd.DataFrame]
) -> None:
    config, rows, held_out = january
    model = train(rows, config, config.variant(variant))
    found = evaluate_variant(model, held_out, predict_answerable(model, held_out, config, variant), config, variant)
    known = GOLDEN[variant]
    assert (len(rows), len(held_out)) == (known["trainRows"], known["holdoutRows"])
    assert found.metrics.keys() == known["metrics"].keys()
    for name, stored in known["metrics"].items():
        assert found.metrics[name] == pytest.approx(stored["value"], abs=stored["tolerance"]), name
    assert {one.feature for one in found.importance[:2]} == set(known["mostImportant"])


def test_every_variant_of_the_example_has_stored_metrics() -> None:
    assert sorted(variant.name for variant in load_config(EXAMPLES / "training.yaml").variants) == sorted(GOLDEN)
