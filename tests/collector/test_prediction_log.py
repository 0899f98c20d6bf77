"""The log that the collector writes, as the ingest step and the monitoring read it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pandas as pd
import pytest

from components.ingest.step import DATA_FILE, ingest
from components.monitor.log import PredictionLog, Window
from serinus.collector.log_place import LogPlace, LogUnwritable
from serinus.collector.log_writer import LogWriter
from serinus.collector.retention import Retention
from serinus.collector.store import Store
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config
from tests.collector.conftest import MakeStore
from tests.collector.support import DEPLOYMENT, NOON, FakeClock, event, labels, predictions

TRAINING = """
model: flights
source: {{type: predictionLog, path: "{log}"}}
timeColumn: at
asOf: "2026-11-21T00:00:00Z"
window: 720h
target: late
task: classification
features:
- {{name: distance, type: double}}
- {{name: stops, type: integer}}
- {{name: carrier, type: string}}
variants:
- {{name: linear, estimator: sklearn.linear_model.LogisticRegression}}
"""


def log_writer(store: Store) -> LogWriter:
    return LogWriter(store, LogPlace(store.settings.log_root))


def rows_in(store: Store, deployment: str = DEPLOYMENT) -> pd.DataFrame:
    """All rows of the log, and the file of each."""
    files = sorted(Path(store.settings.log_root, deployment).glob("day=*/*.parquet"))
    frames = [pd.read_parquet(file).assign(file=f"{file.parent.name}/{file.name}") for file in files]
    return pd.concat(frames, ignore_index=True)


def flight(request_id: str, **fields: object) -> dict[str, object]:
    features = {"distance": 812.5, "stops": 0, "carrier": "AA"} | fields
    return event(request_id, 0.25, features=features)


def training(store: Store) -> TrainingConfig:
    folder = Path(store.settings.log_root)
    file = folder.parent / "training.yaml"
    file.write_text(TRAINING.format(log=folder / DEPLOYMENT))
    return load_config(file)


def test_ingest_reads_the_labelled_rows(store: Store, tmp_path: Path) -> None:
    store.write(
        [predictions(flight("a"), flight("b", distance=3), flight("c", carrier=None)), labels({"a": 1, "b": 0})]
    )
    assert log_writer(store).write(relabelled=False) == 1
    folder, card = ingest(training(store), tmp_path / "snapshots")
    found = pd.read_parquet(folder / DATA_FILE).set_index("distance").sort_index()
    assert list(found["late"]) == [0, 1]
    assert list(found["stops"]) == [0, 0]
    assert card.rows == 2


def test_monitoring_reads_the_same_log(store: Store) -> None:
    store.write([predictions(flight("a"), flight("b")), labels({"a": 1})])
    log_writer(store).write(relabelled=False)
    log = PredictionLog(f"{store.settings.log_root}/{DEPLOYMENT}")
    rows = log.answers(Window(NOON, NOON + timedelta(days=1)))
    assert list(rows["version"]) == ["7", "7"]
    assert list(rows["label"].dropna()) == [1.0]
    assert rows["time"].iloc[0] == NOON
    features = load_features(store)
    part = log.part(Window(NOON, NOON + timedelta(days=1)), features)
    assert part.frame(["distance", "stops", "carrier"]).iloc[0].tolist() == [812.5, 0.0, "AA"]


def load_features(store: Store) -> list[object]:
    return list(training(store).features)


def test_a_row_is_written_with_what_identifies_it(store: Store) -> None:
    store.write([predictions(flight("a")), labels({"a": 1})])
    log_writer(store).write(relabelled=False)
    [row] = rows_in(store).to_dict("records")
    assert row.pop("file").startswith("day=2026-11-20/")
    assert row == {
        "requestId": "a",
        "time": pd.Timestamp(NOON),
        "deployment": DEPLOYMENT,
        "revision": "aaaa",
        "version": "7",
        "prediction": 0.25,
        "label": 1.0,
        "labelTime": pd.Timestamp(NOON + timedelta(minutes=1)),
        "distance": 812.5,
        "stops": 0,
        "carrier": "AA",
    }


def test_a_label_that_comes_later_reaches_the_log_and_no_row_is_there_twice(store: Store) -> None:
    writer = log_writer(store)
    store.write([predictions(*(flight(f"r{i}") for i in range(10)))])
    writer.write(relabelled=False)
    store.write([labels({"r3": 1})])
    assert writer.write(relabelled=False) == 0  # labels alone wait until it is their turn
    assert writer.write(relabelled=True) == 1
    assert writer.write(relabelled=True) == 0
    found = rows_in(store)
    assert sorted(found["requestId"]) == sorted(f"r{i}" for i in range(10))
    assert found.set_index("requestId")["label"].dropna().to_dict() == {"r3": 1.0}


def test_a_label_forty_days_late_is_in_the_log(store: Store, clock: FakeClock) -> None:
    store.write([predictions(flight("a"))])
    clock.time += timedelta(days=40)
    store.write([labels({"a": 1})])
    log_writer(store).write(relabelled=True)
    assert rows_in(store)["label"].tolist() == [1.0]


def test_rows_go_to_the_folder_of_their_deployment_and_day_in_files_of_a_bounded_size(make_store: MakeStore) -> None:
    store = make_store(file_rows=4)
    late = event("z", at=datetime(2026, 11, 19, 23, 59, 59, 999_999, UTC))
    store.write([predictions(*(flight(f"r{i}") for i in range(10)), late), predictions(flight("a"), deployment="ml/b")])
    log_writer(store).write(relabelled=False)
    assert rows_in(store).groupby("file").size().tolist() == [1, 4, 4, 2]
    assert len(rows_in(store, "ml/b")) == 1


def test_a_file_that_fills_up_is_written_anew_and_full_ones_are_left(make_store: MakeStore) -> None:
    store = make_store(file_rows=4)
    writer = log_writer(store)
    for i in range(6):
        store.write([predictions(flight(f"r{i}"))])
        assert writer.write(relabelled=False) == 1
    assert rows_in(store)["requestId"].is_unique
    assert len(rows_in(store)) == 6


def test_after_a_restart_the_open_file_is_gone_on_with(make_store: MakeStore) -> None:
    store = make_store()
    store.write([predictions(flight("a"))])
    log_writer(store).write(relabelled=False)
    store = make_store()
    store.write([predictions(flight("b"))])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)["requestId"].tolist() == ["a", "b"]
    assert rows_in(store)["file"].nunique() == 1


def test_a_crash_between_file_and_database_is_made_good(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write([predictions(flight("a"))])
    with monkeypatch.context() as broken:
        broken.setattr(store.database, "writing", lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            log_writer(store).write(relabelled=False)
    assert len(rows_in(store)) == 1
    store.write([predictions(flight("b"))])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)["requestId"].tolist() == ["a", "b"]


def test_the_version_is_known_although_a_copy_without_it_came_first(store: Store) -> None:
    copy = replace(predictions(flight("a") | {"copy": True}, revision="bbbb"), version="")
    store.write([copy, predictions(flight("b"), revision="bbbb")])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)[["requestId", "version"]].to_numpy().tolist() == [["b", "7"]]


def test_copies_are_not_in_the_log(store: Store) -> None:
    store.write([predictions(flight("a") | {"copy": True}, flight("b") | {"copy": True}, revision="bbbb")])
    assert log_writer(store).write(relabelled=False) == 0
    store.write([predictions(flight("a"))])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)[["requestId", "revision"]].to_numpy().tolist() == [["a", "aaaa"]]


def test_features_that_training_has_never_seen_are_columns_and_stop_nobody(store: Store, tmp_path: Path) -> None:
    store.write([predictions(flight("a", moon="full"), flight("b", moon=3, tide=True)), labels({"a": 1, "b": 0})])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)["moon"].tolist() == ["full", "3"]
    assert ingest(training(store), tmp_path / "snapshots")[1].rows == 2


def test_a_feature_named_like_a_column_of_the_log_does_not_replace_it(store: Store) -> None:
    store.write([predictions(flight("a", time="noon", label=7))])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)["time"].tolist() == [pd.Timestamp(NOON)]
    assert rows_in(store)["label"].isna().all()


def test_columns_are_dropped_or_hashed_with_a_key(make_store: MakeStore) -> None:
    settings = {"drop_columns": "name", "hash_columns": "carrier,seat", "hash_key": "secret"}
    store = make_store(**settings)
    store.write([predictions(flight("a", name="Ada"), flight("b", name="Bo"), flight("c", carrier=None))])
    log_writer(store).write(relabelled=False)
    found = rows_in(store)
    assert "name" not in found
    first, second, third = found["carrier"]
    assert first == second
    assert len(first) == 32
    assert third is None
    assert "AA" not in first
    [row, *_] = store.unanswered(DEPLOYMENT, "b", answered_by="aaaa", since=NOON, rate=1)
    assert not row.is_whole
    database = Path(store.settings.log_root).parent / "collector.db"
    if database.exists():
        assert b"Ada" not in database.read_bytes() + database.with_name("collector.db-wal").read_bytes()
    other = make_store(**settings | {"hash_key": "another"})
    other.write([predictions(flight("d"))])
    log_writer(other).write(relabelled=False)
    assert rows_in(other)["carrier"].iloc[-1] != first


def test_retention_removes_old_days_from_the_database_and_the_log(make_store: MakeStore, clock: FakeClock) -> None:
    store = make_store(retention="48h")
    retention = Retention(store, LogPlace(store.settings.log_root))
    store.write([predictions(flight("a")), predictions(flight("x") | {"copy": True}, revision="bbbb")])
    clock.time += timedelta(days=2)
    store.write([predictions(event("b", at=clock.time))])
    log_writer(store).write(relabelled=False)
    assert retention.retire() == 0
    clock.time += timedelta(days=1)
    assert retention.retire() == 2
    assert rows_in(store)["requestId"].tolist() == ["b"]
    assert not Path(store.settings.log_root, DEPLOYMENT, "day=2026-11-20").exists()
    assert store.write([labels({"a": 1})])[0].counts.total() == 1
    assert store.unanswered(DEPLOYMENT, "c", answered_by="aaaa", since=NOON, rate=1)[0].request_id == "b"


def test_after_days_were_retired_a_new_day_begins_with_a_new_file(make_store: MakeStore, clock: FakeClock) -> None:
    store = make_store(retention="24h")
    store.write([predictions(flight("a"))])
    clock.time += timedelta(days=3)
    Retention(store, LogPlace(store.settings.log_root)).retire()
    store.write([predictions(event("b", at=clock.time), event("c", at=clock.time))])
    log_writer(store).write(relabelled=False)
    assert rows_in(store)["requestId"].tolist() == ["b", "c"]


def test_retention_goes_on_where_it_was_interrupted(make_store: MakeStore, clock: FakeClock) -> None:
    store = make_store(retention="48h")
    place = LogPlace(store.settings.log_root)
    store.write([predictions(flight("a"))])
    log_writer(store).write(relabelled=False)
    clock.time += timedelta(days=4)
    place.remove = lambda *_: (_ for _ in ()).throw(LogUnwritable("no"))  # type: ignore[method-assign]
    with pytest.raises(LogUnwritable):
        Retention(store, place).retire()
    Retention(store, LogPlace(store.settings.log_root)).retire()
    assert LogPlace(store.settings.log_root).days(DEPLOYMENT) == []


def test_a_log_that_cannot_be_written_is_told_and_its_rows_wait(make_store: MakeStore, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    store = make_store(log_root=str(tmp_path / "taken"))
    store.write([predictions(flight("a"))])
    with pytest.raises(LogUnwritable, match="its rows wait in the database"):
        log_writer(store).write(relabelled=False)
    assert log_writer(store).waiting() == 1
    (tmp_path / "taken").unlink()
    assert log_writer(store).write(relabelled=False) == 1
    assert log_writer(store).waiting() == 0


def test_the_log_can_be_anywhere_that_fsspec_knows(make_store: MakeStore, clock: FakeClock) -> None:
    from fsspec.implementations.memory import MemoryFileSystem

    filesystem, root = MemoryFileSystem(), f"memory://{uuid4()}"
    store = make_store(log_root=root, retention="24h")
    store.write([predictions(flight("a")), labels({"a": 1})])
    log_writer(store).write(relabelled=False)
    [file] = filesystem.glob(f"{root.removeprefix('memory:/')}/{DEPLOYMENT}/day=2026-11-20/*.parquet")
    with filesystem.open(file) as stream:
        assert pd.read_parquet(stream)["label"].tolist() == [1.0]
    clock.time += timedelta(days=3)
    assert Retention(store, LogPlace(root)).retire() == 1
    assert LogPlace(root).days(DEPLOYMENT) == []
