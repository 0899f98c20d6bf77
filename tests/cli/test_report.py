"""`serinus report`: a table, the page, JSON, and every refusal in a sentence."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from serinus.cli.app import app
from serinus.core.reference import REFERENCE_FILE
from tests.components.monitored import World, make_world, register, write_log

pytestmark = pytest.mark.xdist_group("monitor")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = make_world(tmp_path_factory.mktemp("monitored"))
    register(world, {REFERENCE_FILE: world.reference.model_dump_json(by_alias=True)})
    distance = world.later["distance"] * 3
    write_log(world.rows(lambda trips: trips.assign(distance=distance)), world.folder / "log")
    return world


def report(world: World, *options: str) -> Result:
    """`serinus report` with the world's files, in its state folder; a later option wins."""
    given = {
        "--file": world.training_file,
        "--log": world.folder / "log",
        "--window": "480h",
        "--as-of": f"{world.end:%Y-%m-%dT%H:%M:%S}",
        "--state-dir": world.folder,
    }
    arguments = [str(part) for pair in given.items() for part in pair]
    return CliRunner(env={"MLFLOW_TRACKING_URI": None}).invoke(app, ["report", *arguments, *options])


def test_drift_is_a_finding_and_no_error(world: World) -> None:
    done = report(world)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["FEATURE", "VERDICT", "PSI", "CHANCE", "MOVED", "MISSING"]
    assert lines[1].split()[:2] == ["distance", "Drifted"]
    assert {line.split()[0] for line in lines[1:7]} == {*world.config.feature_names, "prediction"}
    assert "2 of 6 distributions drifted, most of all distance PSI" in done.stdout
    page = Path(lines[-1].removeprefix("report: "))
    assert page.parent == world.folder / "reports"
    assert "distance: PSI" in page.read_text()


def test_the_report_is_one_json_object(world: World, tmp_path: Path) -> None:
    done = report(world, "--json", "--out", str(tmp_path / "new" / "page.html"), "--psi", "50")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["model"], told["version"], told["rows"]) == ("trips", "1", 800)
    assert {one["verdict"] for one in told["drift"]} == {"Pass"}
    assert f"report: {tmp_path / 'new' / 'page.html'}" in done.stderr
    assert (tmp_path / "new" / "page.html").is_file()


def test_a_training_file_that_reads_the_log_says_where_it_is(world: World) -> None:
    file = world.folder / "from-log.yaml"
    source = f"{{type: predictionLog, path: {world.folder / 'log'}}}"
    file.write_text(world.training_file.read_text().replace("{type: csv, path: trips.csv}", source))
    assert report(world, "--file", str(file), "--log", "").exit_code == 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--log", "nowhere"], 3, "there is no prediction log at nowhere; correct its address"),
        (["--log", ""], 1, "the training file does not read a prediction log"),
        (["--as-of", "2030-01-01"], 3, "is of 2029-12-12 00:00 to 2030-01-01 00:00 UTC; its days are 2024-01-31 to"),
        (["--model-version", "7"], 3, "version 7 answered nothing"),
        (["--window", "a day"], 1, '--window: "a day" is not a duration'),
        (["--reference-window", "0s"], 1, "--reference-window: 0s is too short"),
        (["--registry", "sqlite:////nowhere/mlflow.db"], 3, "there is no registry at sqlite:////nowhere/mlflow.db"),
        (["--file", "nowhere.yaml"], 1, "training file nowhere.yaml cannot be read"),
    ],
)
def test_what_cannot_be_reported_is_told_and_nothing_is_written(
    options: list[str], code: int, said: str, world: World, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    done = report(world, "--out", str(page), *options)
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    assert said in done.stderr
    assert not page.exists()


def test_a_page_that_cannot_be_written_is_told(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = report(world, "--reference-window", "1h", "--window", "400h", "--out", str(tmp_path / "file" / "page.html"))
    assert done.exit_code == 3
    assert "cannot write" in done.stderr


def test_a_log_of_ten_hours_is_compared_with_the_hours_before(world: World, tmp_path: Path) -> None:
    done = report(
        world, "--window", "10h", "--reference-window", "100h", "--min-rows", "10", "--registry", "sqlite:////nowhere",
        "--as-of", f"{world.end - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}", "--out", str(tmp_path / "page.html"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "answered 17 rows" in done.stdout
