"""The flights that the examples train on."""

import pandas as pd
import pytest

from serinus.training.flights import WEATHER, load


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
