"""Spring against January: the flights' inputs, counted as the predictor counts them and judged day by day."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from components.register.reference import build_reference
from serinus.core.observation import BinWindow
from serinus.core.reference import Reference
from serinus.predictor.bins import bins_of
from serinus.predictor.schema import NUMERIC
from serinus.training.flights import load
from serinus.training.load import load_config
from tests.unit.core.builders import STABLE
from tests.unit.watching.watching_world import Watching, asked

TRAINING = Path(__file__).parents[2] / "examples" / "flights" / "training.yaml"
MONTH, DAY = timedelta(days=30), timedelta(days=1)
FEBRUARY, MAY = datetime(2013, 2, 1, tzinfo=UTC), datetime(2013, 5, 1, tzinfo=UTC)


class Flights:
    """The example's training reference (30 days of January), and every day's rows by bin."""

    def __init__(self) -> None:
        frame, config = load(), load_config(TRAINING)
        times = frame[config.time_column]
        january = frame[(times >= FEBRUARY - MONTH) & (times < FEBRUARY)]
        answers = pd.Series([0.5, 0.6] * 100)  # no model is asked here: inputs alone
        self.reference: Reference = build_reference(january, answers, config, config.variants[0])
        days = frame.groupby((times - pd.Timestamp(FEBRUARY)).dt.days)
        self.days = {number: {f.name: self._counted(f.name, rows) for f in config.features} for number, rows in days}

    def _counted(self, name: str, rows: pd.DataFrame) -> Counter[str]:
        described = next(one for one in self.reference.features if one.name == name)
        bins, column = bins_of(described), rows[name]
        bins.add(column.to_numpy(dtype=float) if described.type in NUMERIC else column.tolist())
        return Counter(dict(bins.counts()))

    def window(self, day: int, length: int) -> BinWindow:
        """The rows of `length` days up to the day, counted from 1 February on."""
        inputs = [one.name for one in self.reference.features]
        rows = {name: sum((self.days[one][name] for one in range(day - length, day)), Counter()) for name in inputs}
        reference = {one.name: one.counts for one in self.reference.features}
        return BinWindow(STABLE.id, FEBRUARY, FEBRUARY, features=rows, reference=reference)


@pytest.fixture(scope="module")
def flights() -> Flights:
    return Flights()


def watched(flights: Flights, days: int) -> Watching:
    """Watched for a month before February, so that the window is full."""
    long_ago = FEBRUARY - 60 * DAY
    watching = Watching(asked(window=f"{24 * days}h"), now=long_ago, forgot_at=long_ago)
    watching.look(None, timedelta())
    watching.now = FEBRUARY - DAY
    return watching


def test_a_month_like_the_one_of_training_is_no_drift_and_spring_is_temperature(flights: Flights) -> None:
    watching = watched(flights, 30)
    assert watching.look(flights.window(0, 30), DAY).status == "False"
    for day in range(1, (MAY - FEBRUARY).days + 1):
        watching.look(flights.window(day, 30), DAY)
    status, reason, message, since = watching.condition()
    assert (status, reason) == ("True", "Drifted")
    assert datetime(2013, 2, 8, tzinfo=UTC) < since < datetime(2013, 2, 21, tzinfo=UTC)
    assert "drifted from training: temp: PSI 3.8" in message
    assert watching.notes() == ["Drifted"]


def test_a_day_of_weather_is_unlike_a_month_of_it_even_in_january(flights: Flights) -> None:
    """Why a window should be as long as what was trained on: all flights of an hour share its weather."""
    watching = watched(flights, 1)
    verdicts = [watching.look(flights.window(day, 1), DAY).drifted for day in range(-20, 0)]
    assert min(verdicts) >= 3
