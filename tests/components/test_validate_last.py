"""What validate remembers between runs, and what the step leaves when it passes and when it fails."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pandas as pd
import pytest
from moto.server import ThreadedMotoServer

from components.validate.component import validate
from components.validate.last import LastGood, read_last, write_last
from serinus.core.errors import DataInvalid, StateUnreadable, StateUnwritable
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard

LAST = LastGood(digest="sha256:12", rows=400, time=datetime(2024, 1, 10, tzinfo=UTC))


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A bucket of an S3 server on this machine."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": "us-east-1",
        }.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        files = fsspec.filesystem("s3", skip_instance_cache=True)
        files.clear_instance_cache()  # fsspec keeps what it opened, with the address of another test's server
        files.mkdir("lake")
        yield "s3://lake"
        files.clear_instance_cache()
    server.stop()


@pytest.fixture(params=["a folder", "a bucket"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "a folder":
        return str(tmp_path / "snap shots")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}/"


def test_what_is_remembered_is_read_again(root: str) -> None:
    assert read_last(root, "trips") is None
    write_last(root, "trips", LAST.model_copy(update={"rows": 7}))
    write_last(root, "trips", LAST)
    assert read_last(root, "trips") == LAST
    assert read_last(root, "flights") is None


def test_without_a_root_nothing_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_last("", "trips", LAST)
    assert read_last("", "trips") is None
    assert list(tmp_path.iterdir()) == []


def test_a_memory_that_is_none_is_named(root: str) -> None:
    write_last(root, "trips", LAST)
    address = f"{root.rstrip('/')}/latest/trips.json"
    with fsspec.open(address, "w") as file:
        file.write('{"digest": ')
    with pytest.raises(StateUnreadable, match=r"last good snapshot of trips cannot be read from .*trips.json .*remove"):
        read_last(root, "trips")


def test_a_store_that_nobody_knows_is_named() -> None:
    with pytest.raises(StateUnreadable, match=r"nowhere://lake/latest/trips.json \(.*nowhere"):
        read_last("nowhere://lake", "trips")
    with pytest.raises(StateUnwritable, match=r"nowhere://lake/latest/trips.json cannot be written"):
        write_last("nowhere://lake", "trips", LAST)


def test_a_full_disk_leaves_the_former_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_last(str(tmp_path), "trips", LAST)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("components.validate.last.os.replace", full)
    with pytest.raises(StateUnwritable, match=r"trips.json cannot be written \(.*No space left on device"):
        write_last(str(tmp_path), "trips", LAST.model_copy(update={"rows": 7}))
    assert read_last(str(tmp_path), "trips") == LAST
    assert [path.name for path in (tmp_path / "latest").iterdir()] == ["trips.json"]


class Step:
    """The component's function on a snapshot in a folder."""

    def __init__(self, config: TrainingConfig, folder: Path) -> None:
        self.config, self.folder, self.root = config, folder, folder / "snapshots"
        (folder / "snapshot").mkdir()

    def run(self, frame: pd.DataFrame, digest: str) -> int:
        card = DataCard(
            source="trips.csv", rows=len(frame), rows_in_window=len(frame), first="", last="", digest=digest, columns=()
        )
        frame.to_parquet(self.folder / "snapshot" / "data.parquet", index=False)
        (self.folder / "snapshot" / "data-card.json").write_text(card.model_dump_json(by_alias=True))
        return int(
            validate.python_func(
                training=self.config.model_dump_json(by_alias=True),
                snapshot=SimpleNamespace(path=str(self.folder / "snapshot")),
                snapshot_root=str(self.root),
                report=SimpleNamespace(path=str(self.folder / "report.html")),
            )
        )

    @property
    def report(self) -> str:
        return (self.folder / "report.html").read_text()


@pytest.fixture
def counted(config: TrainingConfig, tmp_path: Path) -> Step:
    rules = {"table": {"max_row_change": 0.2}}
    return Step(TrainingConfig.model_validate(config.model_dump() | rules), tmp_path)


def test_rows_are_counted_against_the_last_good_snapshot(counted: Step, trips: pd.DataFrame) -> None:
    assert counted.run(trips, "sha256:first") == 400
    assert "nothing to compare with" in counted.report
    with pytest.raises(
        DataInvalid, match=r"200 rows, 50.0% fewer than the 400 of the last good snapshot \(sha256:first"
    ):
        counted.run(trips[:200], "sha256:half")
    last = read_last(str(counted.root), "trips")
    assert last is not None
    assert last.digest == "sha256:first", "a broken snapshot is no measure for the next"
    assert counted.run(trips[:330], "sha256:most") == 330


def test_the_report_is_there_whether_the_rows_pass_or_not(counted: Step, trips: pd.DataFrame) -> None:
    counted.run(trips, "sha256:first")
    assert 'class="Fail"' not in counted.report
    with pytest.raises(DataInvalid) as caught:
        counted.run(trips.assign(distance=-1.0), "sha256:second")
    assert "expected 0 to inf, found -1" in counted.report
    kept = counted.root / "latest" / "trips.html"
    assert str(kept) in str(caught.value)
    assert kept.read_text() == counted.report


def test_a_snapshot_without_rows_fails_with_its_report(counted: Step, trips: pd.DataFrame) -> None:
    with pytest.raises(DataInvalid, match="empty window"):
        counted.run(trips[:0].drop(columns="wind"), "sha256:none")
    assert "missing column" in counted.report
    assert read_last(str(counted.root), "trips") is None
