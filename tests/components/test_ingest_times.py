"""The time column: what is read as a time, in which zone, and what is refused."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ingest.frame_reader import FrameReader
from components.ingest.step import DATA_FILE, ingest
from components.ingest.times import TimeColumn
from components.ingest.window import INSTANT, Window
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig

NOON = datetime(2024, 1, 5, 12, tzinfo=UTC)


def read(values: object, kind: pa.DataType | None = None) -> list[pd.Timestamp]:
    """What the time column makes of `values`."""
    times = TimeColumn("at")
    column = times.read(pa.table({"at": pa.array(values, kind)}))["at"]
    times.check()
    return column.to_pandas().tolist()


@pytest.mark.parametrize(
    "text",
    [
        "2024-01-05T12:00:00Z",
        "2024-01-05 12:00:00",
        "2024-01-05T12:00",
        "2024-01-05 13:00:00+01:00",
        "2024-01-05T07:00:00.000-0500",
        "2024/01/05 12:00",
        "20240105T120000",
        "Jan 5 2024 12:00",
        "Fri, 05 Jan 2024 12:00:00 GMT",
        "2024-01-05 12:00:00 UTC",
        "2024-01-05 13:00:00 +0100",
        "5 January 2024 12:00 PM",
    ],
)
def test_a_moment_is_read_from_each_form(text: str) -> None:
    assert read([text]) == [pd.Timestamp(NOON)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_a_clock_column_of_any_unit_is_read(unit: str) -> None:
    assert read([NOON], pa.timestamp(unit, "Europe/Zurich")) == [pd.Timestamp(NOON)]
    assert read([NOON.replace(tzinfo=None)], pa.timestamp(unit)) == [pd.Timestamp(NOON)]
    assert read([NOON.date()], pa.date32()) == [pd.Timestamp("2024-01-05", tz="UTC")]
    assert read(["2024-01-05T12:00Z"], pa.dictionary(pa.int8(), pa.string())) == [pd.Timestamp(NOON)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("soon", "'soon'"),
        ("now", "'now'"),
        ("today", "'today'"),
        ("2024-13-05", "'2024-13-05'"),
        ("01/02/2024", "'01/02/2024'"),  # of January, or of February
        ("Jan 5 2024 12:00 EST", "'Jan 5 2024 12:00 EST'"),  # of three continents
        ("9999-12-31", "'9999-12-31'"),
        (None, "an empty value"),
        (1704456000, "1704456000"),
    ],
)
def test_what_is_no_time_or_none_in_particular_is_refused(value: object, said: str) -> None:
    with pytest.raises(DataInvalid, match=f'"at" is not a time in 2 of 2 rows, as in {said}; write these as 2024'):
        read([value, value])


def test_a_clock_beyond_what_can_be_kept_is_refused() -> None:
    with pytest.raises(DataInvalid, match=r"is not a time in 1 of 2 rows, as in datetime.datetime\(9999"):
        read([NOON.replace(tzinfo=None), datetime(9999, 12, 31)], pa.timestamp("us"))  # noqa: DTZ001


def test_different_offsets_are_one_time_line() -> None:
    assert read(["2024-01-05 12:00Z", "2024-01-05T14:00+02:00", "20240105T060000-0600"]) == [pd.Timestamp(NOON)] * 3


@pytest.mark.parametrize("aware", ["2024-01-05 12:00Z", "2024-01-05T14:00:00+02:00", "Fri, 05 Jan 2024 12:00:00 GMT"])
@pytest.mark.parametrize("naive", ["2024-01-05 12:00", "2024-01-05", "Jan 5 2024 12:00"])
def test_times_with_and_without_a_zone_do_not_mix(aware: str, naive: str) -> None:
    for values in ([aware, naive], [naive, aware]):
        with pytest.raises(DataInvalid) as caught:
            read(values)
        assert f"has a zone in some rows, as in {aware!r}, and none in others, as in {naive!r}" in str(caught.value)


def test_zones_that_mix_across_files_are_told_too(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    naive = trips.assign(at=trips["at"].dt.tz_localize(None))
    for kind, write in (("csv", pd.DataFrame.to_csv), ("parquet", pd.DataFrame.to_parquet)):
        write(trips[:200], lake / f"a.{kind}", index=False)
        write(naive[200:], lake / f"b.{kind}", index=False)
        source = config.source.model_copy(update={"type": kind, "path": str(lake)})
        with pytest.raises(DataInvalid, match="has a zone in some rows, as in '2024-01-0"):
            ingest(config.model_copy(update={"source": source}), tmp_path / "snapshots")
    assert not (tmp_path / "snapshots").exists()


def test_objects_of_several_zones_in_a_frame_are_read_alike(config: TrainingConfig, trips: pd.DataFrame) -> None:
    east = timezone(timedelta(hours=5))
    trips["at"] = [at.to_pydatetime().astimezone(east if row % 2 else UTC) for row, at in enumerate(trips["at"])]
    trips["at"] = trips["at"].astype(object)
    times = TimeColumn("at")
    (rows,) = FrameReader(trips, times, "here").batches(config.columns, None)
    assert times.read(rows)["at"].type == INSTANT
    times.check()


def test_a_time_far_from_the_window_that_is_none_is_told(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    for kind in ("csv", "parquet"):
        frame = trips.astype({"at": str})
        frame.loc[3, "at"] = "soon" if kind == "csv" else None
        path = tmp_path / f"bad.{kind}"
        frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path, index=False)
        source = config.source.model_copy(update={"type": kind, "path": str(path)})
        one = config.model_copy(update={"source": source, "window": timedelta(hours=2)})
        for as_of in (None, datetime(2024, 1, 9, tzinfo=UTC)):
            with pytest.raises(DataInvalid, match=r"is not a time in 1 of 400 rows, as in ('soon'|an empty value)"):
                ingest(one.model_copy(update={"as_of": as_of}), tmp_path / "snapshots")


@given(
    moments=st.lists(st.integers(0, 100), max_size=30),
    end=st.integers(0, 100),
    hours=st.integers(1, 50),
    until_latest=st.booleans(),
)
def test_the_window_has_one_open_end(moments: list[int], end: int, hours: int, until_latest: bool) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    at = [start + timedelta(hours=moment) for moment in moments]
    last, length = start + timedelta(hours=end), timedelta(hours=hours)
    window = (Window.up_to if until_latest else Window.before)(last, length)
    inside = window.cut(pa.table({"at": pa.array(at, INSTANT)}), "at")["at"].to_pylist()
    kept = [one for one in at if (last - length < one <= last if until_latest else last - length <= one < last)]
    assert inside == kept
    assert all(window.may_hold(pd.Timestamp(one), pd.Timestamp(one)) and window.touches(one.date()) for one in kept)


def test_a_window_longer_than_history_begins_where_time_does(config: TrainingConfig, tmp_path: Path) -> None:
    forever = config.model_copy(update={"window": timedelta(days=400_000)})
    folder, _ = ingest(forever, tmp_path / "snapshots")
    assert len(pd.read_parquet(folder / DATA_FILE)) == 400
