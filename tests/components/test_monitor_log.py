"""Reading the prediction log: only the days and columns that are asked for, in whatever types they were written."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.monitor.baseline import logged_baseline
from components.monitor.counting import REMEMBERED, Counts, FeatureCounts
from components.monitor.log import PredictionLog, Window
from serinus.core.errors import DataInvalid
from serinus.core.reference import Feature, Prediction, Reference
from serinus.training.config import TrainingConfig
from tests.components.monitored import write_log

FIRST = datetime(2024, 3, 1, tzinfo=UTC)
WIND = Feature(name="wind", type="double", nullable=True, edges=(5.0,), counts={"0": 1, "1": 1, "missing": 0})
CARRIER = Feature(
    name="carrier", type="string", nullable=True, categories=("AA",), counts={"AA": 1, "other": 0, "missing": 0}
)


def made(hours: int = 72) -> pd.DataFrame:
    """A row an hour from FIRST on."""
    times = pd.date_range(FIRST, periods=hours, freq="1h").as_unit("us")
    return pd.DataFrame(
        {
            "time": times,
            "version": "1",
            "prediction": np.linspace(0, 1, hours),
            "label": np.nan,
            "labelTime": pd.Series(pd.NaT, range(hours), "datetime64[us, UTC]"),
            "wind": np.arange(hours, dtype=float),
            "carrier": "AA",
        }
    )


def hours(start: int, end: int) -> Window:
    return Window(FIRST + timedelta(hours=start), FIRST + timedelta(hours=end))


def test_a_window_takes_its_start_and_not_its_end(tmp_path: Path) -> None:
    rows = PredictionLog(str(write_log(made(), tmp_path))).answers(hours(10, 30))
    assert list(rows["time"]) == list(made()["time"][10:30])


def test_days_outside_the_window_are_not_opened(tmp_path: Path) -> None:
    log = write_log(made(), tmp_path)
    for day in ("2024-03-02", "2024-03-03"):
        (log / f"day={day}" / "part-0.parquet").write_bytes(b"not Parquet")
    assert len(PredictionLog(str(log)).answers(hours(0, 24))) == 24
    with pytest.raises(DataInvalid, match=r"cannot be read .*day=2024-03-02/part-0.parquet"):
        PredictionLog(str(log)).answers(hours(0, 25))


def test_columns_that_nobody_asks_for_are_not_read(tmp_path: Path) -> None:
    part = PredictionLog(str(write_log(made(), tmp_path))).part(hours(0, 72), [WIND, CARRIER])
    assert [batch.schema.names for batch in part.batches(["wind"])] == [["wind"]] * 3
    assert set(part.columns) == set(made().columns)


def test_files_of_different_types_are_one_log(tmp_path: Path) -> None:
    rows = made(48)
    write_log(rows[:12].drop(columns=["label", "labelTime"]), tmp_path, file="a.parquet")
    write_log(rows[12:24].astype({"wind": int, "carrier": "category", "version": int}), tmp_path, file="b.parquet")
    write_log(rows[24:].assign(label=1, time=rows["time"].dt.as_unit("ns")), tmp_path, file="c.parquet")
    log = PredictionLog(str(tmp_path))
    found = log.answers(hours(0, 48))
    assert list(found["time"]) == list(rows["time"])
    assert found["label"].notna().sum() == 24
    assert set(found["version"]) == {"1"}
    part = log.part(hours(0, 48), [WIND, CARRIER])
    assert part.frame(["wind", "carrier"], version="1")["wind"].tolist() == rows["wind"].tolist()


def test_a_place_without_a_log_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataInvalid, match=f"there is no prediction log at {tmp_path}/nowhere; correct its address"):
        PredictionLog(f"{tmp_path}/nowhere").answers(hours(0, 24))
    with pytest.raises(DataInvalid, match=r"nonsense://x cannot be read .*correct its address"):
        PredictionLog("nonsense://x").answers(hours(0, 24))
    with pytest.raises(DataInvalid, match=r"no row .* it has no folder day=YYYY-MM-DD: .*wait for the first requests"):
        PredictionLog(str(tmp_path)).answers(hours(0, 24))


def test_a_window_without_rows_is_told_with_the_days_that_are_there(tmp_path: Path) -> None:
    log = write_log(made(), tmp_path)
    with pytest.raises(
        DataInvalid, match=r"is of 2024-03-11 00:00 to 2024-03-12 00:00 UTC; its days are 2024-03-01 to 2024-03-03"
    ):
        PredictionLog(str(log)).answers(hours(240, 264))


def test_a_folder_that_is_no_day_is_told(tmp_path: Path) -> None:
    (write_log(made(), tmp_path) / "day=yesterday").mkdir()
    with pytest.raises(DataInvalid, match=r"folder day=yesterday .* is not of a day; remove it"):
        PredictionLog(str(tmp_path)).answers(hours(0, 24))


def test_parquet_files_that_are_no_log_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "day=2024-03-01"
    folder.mkdir()
    pq.write_table(pa.table({"time": [FIRST], "x": [1.0]}), folder / "a.parquet")
    with pytest.raises(DataInvalid, match="has no column version, prediction; name the folder of a prediction log"):
        PredictionLog(str(tmp_path)).answers(hours(0, 24))


def test_text_where_a_number_is_expected_is_told_by_its_column(tmp_path: Path) -> None:
    log = PredictionLog(str(write_log(made().astype({"wind": str}), tmp_path)))
    with pytest.raises(DataInvalid, match=r"wind is text in the prediction log .*, and a number is expected"):
        list(log.part(hours(0, 24), [WIND]).batches(["wind"]))


def test_a_password_in_the_address_is_not_shown() -> None:
    with pytest.raises(DataInvalid) as caught:
        PredictionLog("nonsense://ann:secret@host/log").answers(hours(0, 24))
    assert "nonsense://host/log" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_values_outside_the_categories_are_remembered_up_to_a_limit() -> None:
    counts = FeatureCounts(CARRIER)
    for start in range(0, 10 * REMEMBERED, REMEMBERED):
        counts.add(pa.array([*map(str, range(start, start + REMEMBERED)), "ZZ", "ZZ", "AA", None]))
    assert counts.bins == {"AA": 10, "other": 10 * (REMEMBERED + 2), "missing": 10}
    assert len(counts.others) <= 2 * REMEMBERED
    assert counts.others["ZZ"] == 20


def test_a_log_in_a_bucket_is_read(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(write_log(made(), tmp_path)), "/bucket/log", recursive=True)
    try:
        assert len(PredictionLog("memory://bucket/log").answers(hours(20, 50))) == 30
    finally:
        memory.rm("/bucket", recursive=True)


def test_predicted_classes_are_counted_by_their_names() -> None:
    prediction = Prediction(method="predict", categories=("0", "1"), counts={"0": 5, "1": 5})
    counts = Counts(Reference(target="late", rows=10, features=(), prediction=prediction), ())
    counts.add([pa.record_batch({"prediction": [0.0, 1.0, 1.0, None, 2.0]})])
    assert counts.prediction == {"0": 1, "1": 2, "other": 1, "missing": 1}


def test_an_earlier_window_without_the_version_is_told(tmp_path: Path, config: TrainingConfig) -> None:
    part = PredictionLog(str(write_log(made(), tmp_path / "log"))).part(hours(0, 24), config.features)
    with pytest.raises(
        DataInvalid, match=r"version 2 answered no row .* in the reference window Monday; name a longer"
    ):
        logged_baseline(config, part, "2", "Monday")
