"""Rows at an address: S3 as moto serves it, a web server; and snapshots that are kept in a bucket."""

import threading
import traceback
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from components.ingest.addresses import shown
from components.ingest.publish import publish
from components.ingest.step import CARD_FILE, DATA_FILE, data_digest, ingest, keep
from serinus.core.errors import DataInvalid, SerinusError, StateUnwritable, TrainingFailed
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource
from serinus.training.values import DataCard


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty bucket, which the environment's credentials open."""
    import boto3

    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "mine",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    _forget()
    made = boto3.resource("s3").create_bucket(
        Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    yield "s3://lake"
    made.objects.delete()
    made.delete()
    _forget()


def _forget() -> None:
    """File systems keep their credentials as long as the process lives."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server over `tmp_path/web`, which knows nothing of parts of a file."""
    (tmp_path / "web").mkdir()
    handler = partial(_Quiet, directory=str(tmp_path / "web"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/closed"):
            self.send_error(403)
        else:
            super().do_GET()

    do_HEAD = do_GET  # noqa: N815  # the name that http.server calls


def put(trips: pd.DataFrame, bucket: str, folder: Path) -> None:
    """The trips in every form that is read."""
    import s3fs

    for day, rows in trips.groupby(trips["at"].dt.date):
        for name in ("lake", "texts", f"log/day={day}"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / "lake" / f"{day}.parquet", index=False)
        rows.to_csv(folder / "texts" / f"{day}.csv.gz", index=False)
        logged = rows.rename(columns={"at": "time", "late": "label"})
        logged.to_parquet(folder / "log" / f"day={day}" / "0.parquet", index=False)
    s3fs.S3FileSystem().put(f"{folder}/", f"{bucket}/", recursive=True)


@pytest.mark.parametrize(
    "source",
    [
        FileSource(type="parquet", path="s3://lake/lake"),
        FileSource(type="parquet", path="s3://lake/lake/2024-01-*.parquet"),
        FileSource(type="csv", path="s3://lake/texts/"),
        PredictionLogSource(type="predictionLog", path="s3://lake/log"),
    ],
    ids=lambda source: source.path,
)
def test_rows_in_a_bucket_are_those_of_the_file(
    source: FileSource, bucket: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    put(trips, bucket, tmp_path / "all")
    here, card = ingest(config, tmp_path / "snapshots")
    there, same = ingest(config.model_copy(update={"source": source}), tmp_path / "snapshots")
    assert (there, same.digest, same.source) == (here, card.digest, source.path)


@pytest.mark.parametrize("name", ["trips.csv", "trips.csv.gz", "trips.parquet"])
def test_a_file_of_a_web_server_is_read(
    name: str, web: str, config: TrainingConfig, trips: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "web" / name
    trips.to_parquet(path, index=False) if name.endswith("parquet") else trips.to_csv(path, index=False)
    source = FileSource(type="parquet" if name.endswith("parquet") else "csv", path=f"{web}/{name}?token=s3cret")
    _, card = ingest(config.model_copy(update={"source": source}), tmp_path / "snapshots")
    assert card.digest == ingest(config, tmp_path / "snapshots")[1].digest
    assert card.source == f"{web}/{name}"


def refused(config: TrainingConfig, path: str, root: Path, error: type[SerinusError]) -> str:
    source = FileSource(type="csv", path=path)
    with pytest.raises(error) as caught:
        ingest(config.model_copy(update={"source": source}), root / "snapshots")
    assert not (root / "snapshots").exists()
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_a_bucket_and_a_file_that_are_not_there_are_named(bucket: str, config: TrainingConfig, tmp_path: Path) -> None:
    for path in ("s3://elsewhere/trips.csv", "s3://elsewhere/*.csv", f"{bucket}/trips.csv", f"{bucket}/*.csv"):
        said = refused(config, path, tmp_path, DataInvalid)
        assert path in said
        assert "correct source" in said


def test_a_bucket_without_credentials_is_told(
    bucket: str, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    _forget()
    for name in ("trips.csv", "*.csv"):
        said = refused(config, f"{bucket}/{name}", tmp_path, TrainingFailed)
        assert f"s3://lake/{name} cannot be read without credentials (" in said
        assert "set them in the step's environment" in said


def test_what_a_web_server_does_not_give_is_told(web: str, config: TrainingConfig, tmp_path: Path) -> None:
    assert "nowhere.csv is not readable as csv (no such file)" in refused(
        config, f"{web}/nowhere.csv", tmp_path, DataInvalid
    )
    assert "/closed.csv cannot be read (403" in refused(
        config, f"{web}/closed.csv?sig=s3cret".replace("http://", "http://me:s3cret@"), tmp_path, TrainingFailed
    )
    assert "http://127.0.0.1:1/trips.csv cannot be read (Cannot connect" in refused(
        config, "http://127.0.0.1:1/trips.csv", tmp_path, TrainingFailed
    )


def test_an_address_of_an_unknown_kind_is_told(config: TrainingConfig, tmp_path: Path) -> None:
    assert "Protocol not known: ftpx" in refused(config, "ftpx://host/trips.csv", tmp_path, DataInvalid)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/data/trips.csv", "/data/trips.csv"),
        ("s3://lake/trips-*.csv", "s3://lake/trips-*.csv"),
        ("s3://lake/trip?.csv", "s3://lake/trip?.csv"),
        ("https://me:s3cret@host:8443/trips.csv?sig=s3cret", "https://host:8443/trips.csv"),
    ],
)
def test_an_address_is_told_without_what_opens_it(path: str, told: str) -> None:
    assert shown(path) == told


def test_a_snapshot_in_a_bucket_is_there_when_its_card_is(
    bucket: str, config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import s3fs

    folder, card = ingest(config, tmp_path / "snapshots")
    put_file = s3fs.S3FileSystem.put_file

    def broken(self: object, here: str, there: str) -> None:
        if there.endswith(CARD_FILE):
            raise OSError("the connection was lost")
        put_file(self, here, there)

    with monkeypatch.context() as patch:
        patch.setattr(s3fs.S3FileSystem, "put_file", broken)
        with pytest.raises(
            StateUnwritable, match=r"snapshot s3://lake/kept/.* cannot be written .the connection was lost"
        ):
            publish(folder, f"{bucket}/kept/")
    address = publish(folder, f"{bucket}/kept/")
    assert address == f"s3://lake/kept/{folder.name}"
    with s3fs.S3FileSystem().open(f"{address}/{CARD_FILE}") as stream:
        assert DataCard.model_validate_json(stream.read()) == card
    assert data_digest(pq.read_table(f"{address}/{DATA_FILE}", filesystem=s3fs.S3FileSystem())) == card.digest
    modified = s3fs.S3FileSystem().modified(f"{address}/{DATA_FILE}")
    assert publish(folder, f"{bucket}/kept") == address
    s3fs.S3FileSystem().invalidate_cache()
    assert s3fs.S3FileSystem().modified(f"{address}/{DATA_FILE}") == modified, "what is there is left as it is"


def test_a_step_keeps_its_snapshot_where_it_is_told_to(bucket: str, config: TrainingConfig, tmp_path: Path) -> None:
    folder, _ = ingest(config, tmp_path / "snapshots")
    assert keep(folder, tmp_path / "output", "") == "", "beside the output it is gone with the pod"
    assert keep(folder, tmp_path / "output", str(tmp_path)) == str(folder)
    assert keep(folder, tmp_path / "output", f"{bucket}/kept") == f"{bucket}/kept/{folder.name}"
    for name in (DATA_FILE, CARD_FILE):
        assert (tmp_path / "output" / name).read_bytes() == (folder / name).read_bytes()


def test_a_bucket_that_is_not_there_keeps_nothing(bucket: str, config: TrainingConfig, tmp_path: Path) -> None:
    folder, _ = ingest(config, tmp_path / "snapshots")
    with pytest.raises(
        StateUnwritable, match=r"snapshot s3://elsewhere/.*correct snapshot_root or the step's credentials"
    ):
        publish(folder, "s3://elsewhere")
