"""Ingest: which rows are read, from files and functions, and how they become a snapshot."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kfp import dsl

from components.ingest import component, csv_reader, parquet_reader
from components.ingest.order import in_order
from components.ingest.step import CARD_FILE, DATA_FILE, data_digest, ingest, ingest_golden
from components.validate.step import validate, violations
from serinus.core.errors import DataInvalid, StateUnwritable
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource, Source
from serinus.training.steps import parse
from serinus.training.values import DataCard

NIGHT = datetime(2024, 1, 5, tzinfo=UTC)


def of(config: TrainingConfig, source: Source | Path, **fields: object) -> TrainingConfig:
    """`config` with another source: a path's is of the type that its name ends in."""
    if isinstance(source, Path):
        source = FileSource(type="csv" if source.suffix == ".csv" else "parquet", path=str(source))
    return config.model_copy(update={"source": source, **fields})


def rows_of(config: TrainingConfig, root: Path) -> pd.DataFrame:
    folder, _ = ingest(config, root / "snapshots")
    return pd.read_parquet(folder / DATA_FILE)


def nothing_is_left(root: Path) -> bool:
    return not (root / "snapshots").exists() or not list((root / "snapshots").iterdir())


def refused(config: TrainingConfig, root: Path) -> str:
    """What is said of a source that cannot be read; nothing is left of it."""
    with pytest.raises(DataInvalid) as caught:
        ingest(config, root / "snapshots")
    assert nothing_is_left(root)
    return str(caught.value)


def write_lake(trips: pd.DataFrame, folder: Path, *, row_group_size: int = 20) -> Path:
    """One Parquet file for each day, in folders of their own, and what other tools leave beside them."""
    for day, rows in trips.groupby(trips["at"].dt.date):
        (folder / f"day={day}").mkdir(parents=True)
        rows.to_parquet(folder / f"day={day}" / "part-0.parquet", index=False, row_group_size=row_group_size)
    (folder / "_SUCCESS").touch()
    (folder / "_temporary").mkdir()
    (folder / "_temporary" / "half.parquet").write_bytes(b"PAR1")
    return folder


def test_the_same_rows_make_one_snapshot_and_other_rows_another(config: TrainingConfig, tmp_path: Path) -> None:
    folder, card = ingest(config, tmp_path / "snapshots")
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert ingest(config, tmp_path / "snapshots") == (folder, card)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    other, _ = ingest(config.model_copy(update={"max_rows": 100}), tmp_path / "snapshots")
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == sorted([folder.name, other.name])


def test_the_folder_is_named_by_the_digest_of_what_can_be_read_from_it(config: TrainingConfig, tmp_path: Path) -> None:
    folder, card = ingest(config, tmp_path)
    assert f"sha256:{folder.name}" == card.digest == data_digest(pq.read_table(folder / DATA_FILE))
    assert DataCard.model_validate_json((folder / CARD_FILE).read_text()) == card


def test_the_digest_sees_every_value_type_and_place(trips: pd.DataFrame) -> None:
    changed = trips.copy()
    changed.loc[7, "carrier"] = "DL"
    holed = trips.astype({"trip": "Int64"})
    holed.loc[0, "trip"] = None
    nearly = holed.assign(trip=holed["trip"] + 2**60)
    close = nearly.assign(trip=nearly["trip"] + 1)
    frames = (trips, changed, trips.astype({"stops": float}), trips[::-1], holed, nearly, close)
    assert len({data_digest(pa.Table.from_pandas(frame, preserve_index=False)) for frame in frames}) == len(frames)


def test_the_card_says_what_is_in_the_snapshot(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    _, card = ingest(config.model_copy(update={"max_rows": 50, "descriptions": {"late": "over 15 minutes"}}), tmp_path)
    assert (card.rows, card.rows_in_window, card.unlabelled) == (50, 400, 0)
    assert {column.name for column in card.columns} == set(trips.columns)
    assert card.source.endswith("/trips.csv")
    latest = trips["at"].max()
    assert card.query == (
        "at, trip, distance, wind, stops, carrier, rainy, late of "
        f"at in ({(latest - config.window).isoformat()}, {latest.isoformat()}]"
    )
    assert {column.meaning for column in card.columns} == {"", "over 15 minutes"}


def test_the_card_counts_what_is_missing_and_distinct(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    _, card = ingest(config, tmp_path)
    for column in card.columns:
        assert (column.missing, column.distinct) == (trips[column.name].isna().sum(), trips[column.name].nunique())


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_rows_are_kept_as_they_are(kind: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"trips.{kind}"
    trips.to_csv(path, index=False) if kind == "csv" else trips.to_parquet(path, index=False)
    pd.testing.assert_frame_equal(rows_of(of(config, path), tmp_path), trips, check_like=True)


def test_only_the_columns_that_the_file_names_are_kept(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    trips.assign(pilot="P", tail=1).to_parquet(tmp_path / "wide.parquet", index=False)
    assert list(rows_of(of(config, tmp_path / "wide.parquet"), tmp_path)) == config.columns


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_window_ends_before_as_of(kind: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / f"trips.{kind}"
    trips.to_csv(path, index=False) if kind == "csv" else trips.to_parquet(path, index=False, row_group_size=30)
    rows = rows_of(of(config, path, as_of=NIGHT, window=timedelta(days=1)), tmp_path)
    assert len(rows) == 40
    assert rows["at"].min() == pd.Timestamp(NIGHT) - pd.Timedelta(days=1)
    assert rows["at"].max() < pd.Timestamp(NIGHT)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_without_as_of_the_window_ends_with_the_latest_row(
    kind: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    path, shuffled = tmp_path / f"trips.{kind}", trips.sample(frac=1, random_state=1)
    shuffled.to_csv(path, index=False) if kind == "csv" else shuffled.to_parquet(path, index=False, row_group_size=30)
    rows = rows_of(of(config, path, window=timedelta(days=1)), tmp_path)
    assert sorted(rows["trip"]) == list(range(360, 400))


def test_row_groups_outside_the_window_are_not_read(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, read = write_lake(trips, tmp_path / "lake"), []
    iterate = pq.ParquetFile.iter_batches

    def counted(self: pq.ParquetFile, *arguments: object, **options: object) -> object:
        read.extend((group, tuple(options["columns"])) for group in options["row_groups"])  # type: ignore[attr-defined,arg-type]
        return iterate(self, *arguments, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    assert len(rows_of(of(config, lake, window=timedelta(hours=6)), tmp_path)) == 10
    assert read == [(1, tuple(sorted(config.columns)))], "the later half of the last day, and nothing to find it"


def test_a_lake_of_folders_is_one_table_and_its_partitions_are_columns(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    for carrier, rows in trips.groupby("carrier"):
        (tmp_path / "lake" / f"carrier={carrier}").mkdir(parents=True)
        rows.drop(columns="carrier").to_parquet(tmp_path / "lake" / f"carrier={carrier}" / "a.parquet", index=False)
    pd.testing.assert_frame_equal(rows_of(of(config, tmp_path / "lake"), tmp_path), trips, check_like=True)


@pytest.mark.parametrize("pattern", ["lake", "lake/*", "lake/day=*/*.parquet", "lake/day=2024-01-0[1-9]"])
def test_folders_and_patterns_are_read_whole(
    pattern: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    write_lake(trips, tmp_path / "lake")
    source = FileSource(type="parquet", path=str(tmp_path / pattern))
    _, card = ingest(of(config, source), tmp_path / "snapshots")
    assert card.rows == (360 if "[" in pattern else 400)


def test_csv_files_of_a_folder_may_be_compressed_and_order_their_columns_as_they_like(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    trips[:150].to_csv(folder / "b.csv", index=False)
    trips.iloc[150:, ::-1].to_csv(folder / "a.csv.gz", index=False)
    (folder / "notes.txt").write_text("not rows")
    source = FileSource(type="csv", path=str(folder))
    pd.testing.assert_frame_equal(rows_of(of(config, source), tmp_path), trips, check_like=True)


@settings(max_examples=25)
@given(data=st.data(), kind=st.sampled_from(["csv", "parquet"]))
def test_the_digest_depends_on_no_order_and_no_chunks(
    data: st.DataObject,
    kind: str,
    tmp_path_factory: pytest.TempPathFactory,
    tables: tuple[TrainingConfig, pd.DataFrame],
) -> None:
    config, table = tables
    folder = tmp_path_factory.mktemp("lake")
    order = data.draw(st.permutations(range(len(table))))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(table) - 1), max_size=3)))
    names = data.draw(st.permutations(["a", "b", "c", "d"]))
    for name, first, last in zip(names, [0, *cuts], [*cuts, len(table)], strict=False):
        part = table.iloc[order[first:last]]
        if kind == "csv":
            part.to_csv(folder / f"{name}.csv", index=False)
        else:
            part.to_parquet(folder / f"{name}.parquet", index=False, row_group_size=data.draw(st.integers(1, 30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "BLOCK_BYTES", data.draw(st.integers(300, 3000)))
        patch.setattr(parquet_reader, "BATCH_ROWS", data.draw(st.integers(1, 50)))
        one = of(config, FileSource(type=kind, path=str(folder)), max_rows=data.draw(st.sampled_from([None, 10])))
        snapshot, card = ingest(one, folder / "snapshots")
    whole, same = ingest(one.model_copy(update={"source": config.source}), folder / "snapshots")
    assert (card.digest, snapshot) == (same.digest, whole)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingConfig, pd.DataFrame]:
    """Rows with moments in common, gaps, and rows that are alike; a file of them in their first order."""
    random = np.random.default_rng(3)
    rows = pd.DataFrame(
        {
            "at": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(random.integers(0, 20, 60), unit="h"),
            "trip": random.integers(0, 30, 60),
            "wind": np.where(random.random(60) < 0.3, np.nan, random.normal(size=60)),
            "carrier": random.choice(["AA", "B6", "Ünïted"], 60),
            "late": random.random(60),
        }
    )
    path = tmp_path_factory.mktemp("first") / "rows.parquet"
    rows.to_parquet(path, index=False)
    config = TrainingConfig.model_validate(
        {
            "model": "m",
            "source": {"type": "parquet", "path": str(path)},
            "timeColumn": "at",
            "idColumns": ["trip"],
            "target": "late",
            "task": "regression",
            "features": [{"name": "wind", "type": "double"}, {"name": "carrier", "type": "string"}],
            "window": "12h",
            "variants": [{"name": "v", "estimator": "sklearn.linear_model.Ridge"}],
        }
    )
    return config, rows


def test_a_sample_is_drawn_from_all_of_the_window(config: TrainingConfig, trips: pd.DataFrame) -> None:
    drawn, _ = in_order(pa.Table.from_pandas(trips, preserve_index=False), "at", 100)
    share = drawn.to_pandas()["trip"].floordiv(100).value_counts(normalize=True)
    assert share.between(0.1, 0.4).all()
    assert drawn.to_pandas()["at"].is_monotonic_increasing


def test_a_source_that_is_not_there_is_named(config: TrainingConfig, tmp_path: Path) -> None:
    for name in ("nowhere.csv", "nowhere.parquet", "no*where.csv"):
        said = refused(of(config, tmp_path / name), tmp_path)
        assert f"{name} " in said
        assert "correct source" in said


def test_a_folder_without_such_files_is_named(config: TrainingConfig, tmp_path: Path) -> None:
    (tmp_path / "lake").mkdir()
    assert "lake has no file of parquet (.parquet" in refused(of(config, tmp_path / "lake"), tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_window_without_rows_is_a_snapshot_that_validate_refuses(
    kind: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / f"trips.{kind}"
    trips.to_csv(path, index=False) if kind == "csv" else trips.to_parquet(path, index=False)
    late = of(config, path, as_of=datetime(2030, 1, 1, tzinfo=UTC))
    folder, card = ingest(late, tmp_path / "snapshots")
    assert (card.rows, card.first, card.last) == (0, "", "")
    frame = pd.read_parquet(folder / DATA_FILE)
    assert [violation.rule for violation in violations(frame, late)] == ["empty window"]


@pytest.mark.parametrize("as_of", [None, NIGHT])
def test_a_source_without_rows_is_an_empty_snapshot(
    as_of: datetime | None, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    trips[:0].to_csv(tmp_path / "none.csv", index=False)
    trips[:0].to_parquet(tmp_path / "none.parquet", index=False)
    for name in ("none.csv", "none.parquet"):
        frame = rows_of(of(config, tmp_path / name, as_of=as_of), tmp_path)
        assert list(frame) == config.columns
        assert not len(frame)


def test_an_empty_file_and_a_cut_one_are_named(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    assert "empty.csv is empty: a CSV file begins with" in refused(of(config, tmp_path / "empty.csv"), tmp_path)
    (tmp_path / "blank.csv").write_text("\n" + trips.to_csv(index=False))
    assert len(rows_of(of(config, tmp_path / "blank.csv"), tmp_path / "other")) == 400
    (tmp_path / "cut.csv").write_text(trips.to_csv(index=False)[:-8])
    assert "cut.csv is not readable as csv (CSV parse error: Row #401" in refused(
        of(config, tmp_path / "cut.csv"), tmp_path
    )
    trips.to_parquet(tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-8])
    assert "cut.parquet is not readable as parquet" in refused(of(config, tmp_path / "cut.parquet"), tmp_path)


def test_a_file_in_another_encoding_is_named_with_byte_and_line(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    trips.loc[2, "carrier"] = "Zürich"
    text = trips.to_csv(index=False)
    (tmp_path / "latin.csv").write_bytes(text.encode("latin-1"))
    at = text.encode("latin-1").index(b"\xfc")
    said = refused(of(config, tmp_path / "latin.csv"), tmp_path)
    assert f"latin.csv is not UTF-8: byte {at} (0xfc) on line 4; write the file in UTF-8" in said
    (tmp_path / "wide.csv").write_text(text, encoding="utf-16")
    assert "wide.csv is not UTF-8: byte 0 (0xff) on line 1" in refused(of(config, tmp_path / "wide.csv"), tmp_path)
    (tmp_path / "marked.csv").write_text(text, encoding="utf-8-sig")
    assert rows_of(of(config, tmp_path / "marked.csv"), tmp_path)["carrier"][2] == "Zürich"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_renamed_upstream_reaches_validate_as_missing(
    kind: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    path, renamed = tmp_path / f"trips.{kind}", trips.rename(columns={"wind": "gust"})
    renamed.to_csv(path, index=False) if kind == "csv" else renamed.to_parquet(path, index=False)
    frame = rows_of(of(config, path), tmp_path)
    assert [(found.column, found.rule) for found in violations(frame, config)] == [("wind", "missing column")]


def test_a_column_renamed_in_the_files_of_the_window_is_missing_although_older_ones_have_it(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    write_lake(trips[:200], lake)
    trips[200:].rename(columns={"wind": "gust"}).to_parquet(lake / "new.parquet", index=False)
    frame = rows_of(of(config, lake, window=timedelta(hours=12)), tmp_path)
    assert [(found.column, found.rule) for found in violations(frame, config)] == [("wind", "missing column")]


def test_a_missing_time_column_is_an_error_that_names_the_file_and_its_columns(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    for kind in ("csv", "parquet"):
        path, renamed = tmp_path / f"bad.{kind}", trips.rename(columns={"at": "when"})
        renamed.to_csv(path, index=False) if kind == "csv" else renamed.to_parquet(path, index=False)
        said = refused(of(config, path), tmp_path)
        assert 'time column "at" is missing; ' in said
        assert f"bad.{kind} has when, trip, distance" in said


@pytest.mark.parametrize("rows_in_the_first_file", [3, 200])
def test_words_among_numbers_reach_validate_as_they_are(
    rows_in_the_first_file: int, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    mixed = trips.astype({"distance": object})
    mixed.loc[3, "distance"] = "far"
    mixed[:rows_in_the_first_file].to_csv(lake / "a.csv", index=False)
    mixed[rows_in_the_first_file:].to_csv(lake / "b.csv", index=False)
    frame = rows_of(of(config, FileSource(type="csv", path=str(lake))), tmp_path)
    with pytest.raises(DataInvalid, match=r"distance  wrong type  1     expected double, found 'far'"):
        validate(frame, config)


def test_parquet_files_that_disagree_on_a_type_reach_validate_too(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    lake.mkdir()
    changed = trips[200:].assign(distance="far", stops=lambda rows: rows["stops"].astype("int8"))
    changed["carrier"] = changed["carrier"].astype("category")
    trips[:200].to_parquet(lake / "a.parquet", index=False)
    changed.to_parquet(lake / "b.parquet", index=False)
    frame = rows_of(of(config, lake), tmp_path)
    assert frame["stops"].tolist() == trips["stops"].tolist()
    assert [(v.column, v.rule, v.rows) for v in violations(frame, config)] == [("distance", "wrong type", 200)]


def test_text_that_looks_like_numbers_stays_text_where_text_is_declared(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    trips.assign(carrier="007").to_csv(tmp_path / "trips.csv", index=False)
    assert set(rows_of(config, tmp_path)["carrier"]) == {"007"}


def test_a_whole_number_too_long_for_64_bits_loses_no_digit(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    ids = [f"123456789012345678901234{i:04d}" for i in range(len(trips))]
    trips.assign(trip=ids).to_csv(tmp_path / "trips.csv", index=False)
    assert sorted(rows_of(config, tmp_path)["trip"]) == ids


def test_a_column_of_lists_is_refused_by_name(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    trips.assign(wind=[[1.0]] * len(trips)).to_parquet(tmp_path / "lists.parquet", index=False)
    said = refused(of(config, tmp_path / "lists.parquet"), tmp_path)
    assert 'column "wind" holds list<' in said
    assert "unpack the column in the source" in said


def test_a_column_named_twice_is_refused(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    text = trips.rename(columns={"wind": "distance"}).to_csv(index=False)
    (tmp_path / "twice.csv").write_text(text)
    assert "twice.csv has column distance twice" in refused(of(config, tmp_path / "twice.csv"), tmp_path)


def test_a_full_disk_is_said_and_leaves_no_draft(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tempfile

    made = tempfile.mkdtemp

    def on_a_full_disk(**options: object) -> str:
        folder = made(**options)  # type: ignore[call-overload]
        (Path(folder) / DATA_FILE).symlink_to("/dev/full")  # the kernel's own "no space left"
        return str(folder)

    monkeypatch.setattr(tempfile, "mkdtemp", on_a_full_disk)
    with pytest.raises(StateUnwritable, match=r"cannot be written .*No space left on device.*; make room there"):
        ingest(config, tmp_path / "snapshots")
    assert nothing_is_left(tmp_path)


def test_a_place_that_is_no_folder_is_said(config: TrainingConfig, tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("a file")
    with pytest.raises(StateUnwritable, match="cannot be written"):
        ingest(config, tmp_path / "snapshots")


def test_golden_rows_are_kept_whole_whatever_the_window(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    trips[:40].to_csv(tmp_path / "golden.csv", index=False)
    found = ingest_golden(
        with_golden(config, tmp_path / "golden.csv", as_of=datetime(2030, 1, 1, tzinfo=UTC)), tmp_path
    )
    assert found is not None
    folder, card = found
    assert (card.rows, card.rows_in_window) == (40, 40)
    assert card.query.endswith("late of every row")
    assert folder.name in card.digest
    assert ingest_golden(config, tmp_path) is None


def test_golden_rows_that_no_model_could_answer_are_refused(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    for change, said in (
        (trips[:0], "have no rows"),
        (trips.drop(columns=["wind", "late"]), "have no column wind, late"),
    ):
        change.to_csv(tmp_path / "golden.csv", index=False)
        with pytest.raises(DataInvalid, match=f"the golden rows of trips {said}; correct gates.golden.source"):
            ingest_golden(with_golden(config, tmp_path / "golden.csv"), tmp_path)


def with_golden(config: TrainingConfig, path: Path, **fields: object) -> TrainingConfig:
    document = config.model_dump(mode="json", by_alias=True)
    document["gates"]["golden"] = {"source": {"type": "csv", "path": str(path)}, "metrics": {"auc": 0.5}}
    return TrainingConfig.model_validate(document).model_copy(update=fields)


def test_the_step_leaves_both_and_says_how_many(
    config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trips[:40].to_csv(tmp_path / "golden.csv", index=False)
    for number, (one, said) in enumerate(
        [(config, ""), (with_golden(config, tmp_path / "golden.csv"), "; 40 golden rows")]
    ):
        snapshot = dsl.Dataset(name="snapshot", uri=str(tmp_path / f"{number}" / "snapshot"), metadata={})
        golden = dsl.Dataset(name="golden", uri=str(tmp_path / f"{number}" / "golden"), metadata={})
        training = one.model_dump_json(by_alias=True)
        digest = component.ingest.python_func(training, str(tmp_path / "snapshots"), snapshot, golden)
        assert data_digest(pq.read_table(Path(snapshot.path) / DATA_FILE)) == digest
        kept = tmp_path / "snapshots" / digest.removeprefix("sha256:")
        assert snapshot.metadata == {"digest": digest, "rows": 400, "address": str(kept)}
        assert len(list(Path(golden.path).iterdir())) == (2 if said else 0)
        told = parse(capsys.readouterr().out.splitlines()[-1])
        assert told is not None
        assert told["message"] == f"400 rows from 2024-01-01T00:00 to 2024-01-10T23:24{said}"
    assert DataCard.model_validate_json((Path(golden.path) / CARD_FILE).read_text()).rows == 40


@pytest.fixture
def log(trips: pd.DataFrame, tmp_path: Path) -> Path:
    """A prediction log of ten days; of the last two days no label has come."""
    names = {"at": "time", "trip": "requestId", "late": "label"}
    rows = trips.rename(columns=names).assign(prediction=0.5, version="3")
    rows["label"] = rows["label"].where(rows["time"] < "2024-01-09")
    for day, part in rows.groupby(rows["time"].dt.date):
        (tmp_path / "log" / f"day={day}").mkdir(parents=True)
        part.to_parquet(tmp_path / "log" / f"day={day}" / "0.parquet", index=False)
    return tmp_path / "log"


def test_the_log_gives_the_rows_whose_label_has_come_and_counts_the_others(
    log: Path, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    source = PredictionLogSource(type="predictionLog", path=str(log))
    one = of(config, source, as_of=datetime(2024, 1, 10, tzinfo=UTC), window=timedelta(days=3), id_columns=())
    folder, card = ingest(one, tmp_path / "snapshots")
    expected = trips[trips["at"].between("2024-01-07", "2024-01-09", inclusive="left")].drop(columns="trip")
    rows = pd.read_parquet(folder / DATA_FILE)
    pd.testing.assert_frame_equal(rows, expected.astype({"late": float}).reset_index(drop=True), check_like=True)
    assert (card.rows, card.rows_in_window, card.unlabelled) == (80, 80, 40)


def test_without_as_of_the_window_of_a_log_ends_with_the_latest_label(
    log: Path, config: TrainingConfig, tmp_path: Path
) -> None:
    source = PredictionLogSource(type="predictionLog", path=str(log))
    _, card = ingest(of(config, source, window=timedelta(days=1)), tmp_path / "snapshots")
    assert (card.last, card.rows, card.unlabelled) == ("2024-01-08T23:24:00+00:00", 40, 0)


def test_only_the_days_of_the_window_are_opened(log: Path, config: TrainingConfig, tmp_path: Path) -> None:
    source = PredictionLogSource(type="predictionLog", path=str(log))
    for day in ("2024-01-01", "2024-01-06", "2024-01-09"):
        (log / f"day={day}" / "0.parquet").write_bytes(b"broken")
    one = of(config, source, as_of=datetime(2024, 1, 5, 12, tzinfo=UTC), window=timedelta(days=2))
    assert ingest(one, tmp_path / "snapshots")[1].rows == 80


def test_a_log_with_columns_of_the_files_names_keeps_them(log: Path, config: TrainingConfig, tmp_path: Path) -> None:
    for file in log.rglob("*.parquet"):
        frame = pd.read_parquet(file)
        frame.assign(at=frame["time"] - pd.Timedelta(minutes=5), late=1).to_parquet(file, index=False)
    source = PredictionLogSource(type="predictionLog", path=str(log))
    rows = rows_of(of(config, source), tmp_path)
    assert set(rows["late"]) == {1}
    assert rows["at"].max() == pd.Timestamp("2024-01-10T23:19:00Z")


def test_a_folder_without_days_is_no_log(config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    trips.to_parquet(tmp_path / "log" / "a.parquet")
    source = PredictionLogSource(type="predictionLog", path=str(tmp_path / "log"))
    assert "log is no prediction log: it has no folder day=YYYY-MM-DD" in refused(of(config, source), tmp_path)
