"""`serinus train` on bad data: the problem in a sentence, and nothing is registered."""

from pathlib import Path

import pandas as pd
import pytest

from serinus.local.sockets import free_port
from tests.components.conftest import TRAINING, make_trips
from tests.local.support.programs import Finished, serinus

pytestmark = pytest.mark.xdist_group("train")


def train(folder: Path, *options: str, rows: pd.DataFrame | None = None) -> Finished:
    (make_trips() if rows is None else rows).to_csv(folder / "trips.csv", index=False)
    (folder / "training.yaml").write_text(TRAINING)
    return serinus("train", "-f", "training.yaml", "--state-dir", "state", *options, cwd=folder)


def test_bad_rows_are_told_and_nothing_is_registered(tmp_path: Path) -> None:
    """tests/components has every kind of violation."""
    done = train(tmp_path, rows=make_trips().drop(columns="wind"))
    assert done.code == 3, done.said
    assert "missing column" in done.err
    assert "--run-id" not in done.err, "other rows are another run"
    assert done.out == ""
    assert not (tmp_path / "state" / "mlflow.db").exists()


def test_a_window_without_rows_is_told(tmp_path: Path) -> None:
    done = train(tmp_path, "--as-of", "2030-01-01")
    assert done.code == 3, done.said
    assert "2030-01-01" in done.err
    assert "window" in done.err


def test_a_registry_that_is_not_there_is_told(tmp_path: Path) -> None:
    registry = f"http://127.0.0.1:{free_port()}"
    done = train(tmp_path, "--registry", registry)
    assert done.code == 3, done.said
    assert f"the registry at {registry} did not answer" in done.err
    assert "what is complete is kept; the same command with --run-id trips-" in done.err


def test_an_unknown_field_is_told(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_text(TRAINING + "gatez: {}\n")
    done = serinus("train", "-f", "training.yaml", cwd=tmp_path)
    assert done.code == 1, done.said
    assert "gatez" in done.err


def test_a_state_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    done = train(tmp_path)
    assert done.code == 3, done.said
    assert "cannot be written" in done.err
    assert "--state-dir" in done.err
