"""`serinus train --on kfp`, against a server that speaks the API of Kubeflow Pipelines."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from components.images import lineage
from serinus.cli.app import app
from serinus.cli.training import watching
from serinus.training.load import load_config
from tests.components.conftest import TRAINING
from tests.local.support.programs import COMMAND, program_environment, wait_until
from tests.pipelines.kfp_api_server import KfpServer, Refusal, kfp_server, task

REGISTRY = "http://127.0.0.1:9"  # where nobody listens
REMOTE = TRAINING.replace("{type: csv, path: trips.csv}", "{type: csv, path: 's3://rides/trips.csv'}")
STARTED, ENDED = "2026-01-01T00:00:00Z", "2026-01-01T00:00:07Z"


@pytest.fixture
def server() -> Iterator[KfpServer]:
    with kfp_server() as started:
        yield started


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a training file a cluster can use."""
    for name in [name for name in os.environ if name.startswith(("KFP_", "KF_PIPELINES", "MLFLOW_", "SERINUS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watching, "POLL_SECONDS", 0)
    (tmp_path / "training.yaml").write_text(REMOTE)
    return tmp_path


def train(*options: str, host: str = "", registry: str = REGISTRY) -> Result:
    """In this process, with the signal handlers of this one."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        environment = {"KFP_HOST": host, "MLFLOW_TRACKING_URI": registry}
        return CliRunner().invoke(app, ["train", *options], env={n: v for n, v in environment.items() if v})
    finally:
        signal.signal(signal.SIGTERM, before)


def on_kfp(server: KfpServer, *options: str, registry: str = REGISTRY) -> Result:
    return train("-f", "training.yaml", "--on", "kfp", *options, host=server.url, registry=registry)


def only_run(server: KfpServer) -> tuple[str, dict[str, Any]]:
    ((run, held),) = server.runs.items()
    return run, held


def test_a_run_is_started_with_what_stands_in_the_training_file(place: Path, server: KfpServer) -> None:
    done = on_kfp(server, "--snapshots", "s3://rides/snapshots")
    assert done.exit_code == 0, done.output
    run, held = only_run(server)
    key = held["display_name"]
    assert done.stdout.splitlines() == [
        f"run {run} ({key})",
        f"{server.url}/#/runs/details/{run}",
        f"--run-id {key} --watch with the same command waits for its end",
    ]
    given = held["runtime_config"]["parameters"]
    config = load_config(place / "training.yaml")
    assert json.loads(given["training"]) == json.loads(config.model_dump_json(by_alias=True))
    assert {name: value for name, value in given.items() if name != "training"} == {
        "variants": ["linear", "trees"], "registry_uri": REGISTRY, "snapshot_root": "s3://rides/snapshots",
        "run_key": key, "git_sha": "", "images": lineage(),
    }  # fmt: skip


def test_watching_tells_each_step_and_what_came_of_it(place: Path, server: KfpServer) -> None:
    ingest, register = (task(name, "SUCCEEDED", start=STARTED, end=ENDED) for name in ("ingest", "register"))
    server.script = [
        ("PENDING", []),
        ("RUNNING", [task("root", "RUNNING"), task("ingest", "RUNNING", start=STARTED)]),
        ("RUNNING", [ingest, task("train", "RUNNING", start=STARTED), task("train", "PENDING")]),
        ("SUCCEEDED", [ingest, register]),
    ]
    done = on_kfp(server, "--watch")
    assert done.exit_code == 0, done.output
    run, _ = only_run(server)
    assert done.stderr.splitlines()[2:] == [
        "ingest: Running",
        "ingest: Succeeded (7 s)",
        "train 1: Running",
        "register: Succeeded (7 s)",
    ]
    assert done.stdout.startswith("a version was registered, and more is not known from here: the registry at")
    assert run in done.stderr


@pytest.mark.parametrize(
    ("state", "told"), [("FAILED", "Failed: step train failed: out of memory"), ("CANCELED", "Cancelled")]
)
def test_a_run_that_did_not_succeed_is_an_error_with_the_step_and_the_link(
    place: Path, server: KfpServer, state: str, told: str
) -> None:
    server.script = [(state, [task("train", state, start=STARTED, end=ENDED, error="out of memory")])]
    done = on_kfp(server, "--watch", "--json")
    run, held = only_run(server)
    assert done.exit_code == 3
    assert f"run {run} is {told}\n{server.url}/#/runs/details/{run}\n" in done.stderr
    content = json.loads(done.stdout)
    assert (content["run"], content["key"], content["outcome"]) == (run, held["display_name"], None)
    assert content["steps"][0]["name"] == "train"


def test_a_server_that_is_away_for_a_while_does_not_end_the_watching(place: Path, server: KfpServer) -> None:
    troubles = [Refusal(503, 14, "restarting"), Refusal(502, 0, "bad gateway")]

    def fault(method: str, path: str) -> Refusal | None:
        looks = method == "GET" and path.startswith("/apis/v2beta1/runs/")
        return troubles.pop() if looks and troubles else None

    server.fault, server.script = fault, [("FAILED", [])]
    assert on_kfp(server, "--watch").exit_code == 3
    assert troubles == []
    assert server.script == []


def test_a_run_that_failed_goes_on_under_its_id_and_no_other_is_started(place: Path, server: KfpServer) -> None:
    server.script = [("FAILED", [task("ingest", "SUCCEEDED"), task("train", "FAILED")])]
    for _ in range(2):
        assert on_kfp(server, "--run-id", "mine").exit_code == 0
    run, held = only_run(server)
    assert server.requests.count(f"POST /apis/v2beta1/runs/{run}:retry") == 1
    assert held["state"] == "PENDING"
    assert [one["display_name"] for one in held["run_details"]["task_details"]] == ["ingest"]


def test_a_run_is_cancelled(place: Path, server: KfpServer) -> None:
    on_kfp(server)
    run, _ = only_run(server)
    done = train("--cancel", run, host=server.url)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"run {run} is Cancelled: {server.url}/#/runs/details/{run}\n"
    assert server.runs[run]["state"] == "CANCELED"
    assert train("--cancel", "nobody", host=server.url).exit_code == 3


def test_recurring_runs_are_made_once_and_replaced_when_they_change(place: Path, server: KfpServer) -> None:
    for _ in range(2):
        assert on_kfp(server, "--every", "0 6  * * 1").exit_code == 0
    ((first, made),) = server.recurring.items()
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 6 * * 1"}}
    assert (made["display_name"], made["mode"], made["max_concurrency"]) == ("trips", "ENABLE", "1")
    assert made["runtime_config"]["parameters"]["run_key"] == "", "each run is known by its own id"
    done = on_kfp(server, "--every", "*/30 0-6,22 1 jan,Dec sun")
    assert done.exit_code == 0, done.output
    ((second, made),) = server.recurring.items()
    assert second != first
    assert made["trigger"] == {"cron_schedule": {"cron": "0 */30 0-6,22 1 jan,Dec sun"}}
    assert f"{server.url}/#/recurringrun/details/{second}" in done.stdout
    assert server.runs == {}


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("0 6 * *", "has 4 fields"),
        ("0 0 6 * * 1", "has 6 fields"),
        ("60 6 * * 1", 'the minute "60" .* is not between 0 and 59'),
        ("0 24 * * 1", 'the hour "24" .* is not between 0 and 23'),
        ("0 6 0 * 1", 'the day of month "0"'),
        ("0 6 * Januar 1", 'the month "Januar"'),
        ("0 6 * * 7", 'the day of week "7" .* is not between 0 and 6'),
        ("0 6-4 * * 1", 'the hour "6-4" .* ends before it begins'),
        ("*/0 6 * * 1", 'the minute "\\*/0" .* has a step that is not a number above 0'),
        ("1,,2 6 * * 1", 'the minute "1,,2" .* is none of'),
        ("@daily", "has 1 fields"),
    ],
)
def test_a_cron_expression_that_is_none_is_refused_with_its_field(
    place: Path, server: KfpServer, cron: str, told: str
) -> None:
    done = on_kfp(server, "--every", cron)
    assert done.exit_code == 1
    assert re.search(told, done.stderr), done.stderr
    assert server.requests == []


def test_a_recurring_run_of_a_fixed_window_is_refused(place: Path, server: KfpServer) -> None:
    (place / "training.yaml").write_text(REMOTE + "asOf: 2024-01-11T00:00:00Z\n")
    done = on_kfp(server, "--every", "0 6 * * 1")
    assert done.exit_code == 1
    assert "asOf is set" in done.stderr
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-f", "training.yaml", "--on", "cloud"], "--on"),
        (["--on", "kfp"], "--file"),
        ([], "--file"),
        (["-f", "training.yaml", "--on", "kfp", "--every", "0 6 * * 1", "--watch"], "--watch"),
        (["-f", "training.yaml", "--on", "kfp", "--every", "0 6 * * 1", "--run-id", "x"], "--run-id"),
        (["-f", "training.yaml", "--on", "local", "--every", "0 6 * * 1"], "--every"),
        (["--on", "docker", "--cancel", "x"], "--cancel"),
        (["--cancel", "x", "--watch"], "--watch"),
        (["--cancel", "x", "--every", "0 6 * * 1"], "--every"),
        (["--cancel", "x", "-f", "training.yaml"], "-f"),
        (["-f", "training.yaml", "--run-id", "../x"], "--run-id"),
    ],
)
def test_options_that_make_no_sense_together_are_wrong_usage(
    place: Path, server: KfpServer, options: list[str], told: str
) -> None:
    done = train(*options, host=server.url)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert server.requests == []
    assert not (place / ".serinus").exists()


def test_kubeflow_pipelines_without_an_address_is_wrong_usage(place: Path) -> None:
    done = train("-f", "training.yaml", "--on", "kfp")
    assert done.exit_code == 2
    assert "--kfp-host" in done.stderr
    assert "port-forward" in done.stderr


@pytest.mark.parametrize(
    ("source", "registry", "told"),
    [
        ("{type: csv, path: trips.csv}", REGISTRY, "cannot read a file of this machine"),
        ("{type: predictionLog, path: /var/log/trips}", REGISTRY, "cannot read a file of this machine"),
        ("{type: sql, url: 'sqlite:///x.db', query: select 1}", REGISTRY, "name a server"),
        ("{type: sql, url: 'postgresql://me:hunter2@db/x', query: select 1}", REGISTRY, "${DATABASE_PASSWORD}"),
        ("{type: csv, path: 's3://a/b.csv'}", "", "no registry is named"),
        ("{type: csv, path: 's3://a/b.csv'}", "sqlite:///mlflow.db", "cannot reach the registry"),
        ("{type: csv, path: 's3://a/b.csv'}", "http://me:hunter2@mlflow:5000", "MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_what_only_this_machine_has_is_refused_and_so_is_a_password_that_everybody_would_read(
    place: Path, server: KfpServer, source: str, registry: str, told: str
) -> None:
    (place / "training.yaml").write_text(TRAINING.replace("{type: csv, path: trips.csv}", source))
    done = on_kfp(server, registry=registry)
    assert done.exit_code == 1, done.output
    assert told in done.stderr
    assert "hunter2" not in done.stderr
    assert server.requests == []


def test_a_golden_source_of_this_machine_is_refused_too(place: Path, server: KfpServer) -> None:
    golden = "gates: {golden: {source: {type: csv, path: golden.csv}, metrics: {auc: 0.5}}}\n"
    (place / "training.yaml").write_text(REMOTE + golden)
    done = on_kfp(server)
    assert done.exit_code == 1
    assert "gates.golden.source reads" in done.stderr


WITHOUT_DATA_STACK = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("kfp", "numpy", "pandas", "sklearn", "scipy", "pyarrow", "kserve", "docker"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from serinus.cli.main import main
main()
"""


def test_a_run_is_started_from_an_image_without_the_data_stack(place: Path, server: KfpServer) -> None:
    """MLflow is there as mlflow-skinny, which does without numpy as long as no model is loaded."""
    server.script = [("SUCCEEDED", [])]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DATA_STACK, "train", "-f", "training.yaml", "--on", "kfp", "--watch"],
        capture_output=True, text=True, cwd=place, timeout=60, check=False,
        env=program_environment({"KFP_HOST": server.url, "MLFLOW_TRACKING_URI": REGISTRY}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "no version was registered" in done.stdout
    assert len(server.runs) == 1


def test_ctrl_c_while_watching_leaves_the_run_and_says_how_to_end_it(place: Path, server: KfpServer) -> None:
    watching = subprocess.Popen(
        [*COMMAND, "train", "-f", "training.yaml", "--on", "kfp", "--watch"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=place,
        env=program_environment({"KFP_HOST": server.url, "MLFLOW_TRACKING_URI": REGISTRY}),
    )  # fmt: skip
    wait_until(lambda: any(asked.startswith("GET /apis/v2beta1/runs/") for asked in server.requests), "it watches")
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=60)
    run, held = only_run(server)
    assert watching.returncode == 130
    assert (out, held["state"]) == ("", "PENDING")
    assert err.endswith(f"the run goes on; --cancel {run} ends it\n")


def test_on_a_terminal_the_steps_are_a_table(place: Path, server: KfpServer) -> None:
    server.script = [("FAILED", [task("ingest", "SUCCEEDED", start=STARTED, end=ENDED), task("train", "FAILED")])]
    ours, theirs = os.openpty()
    watching = subprocess.Popen(
        [*COMMAND, "train", "-f", "training.yaml", "--on", "kfp", "--watch"],
        stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=place,
        env=program_environment({"KFP_HOST": server.url, "MLFLOW_TRACKING_URI": REGISTRY, "TERM": "xterm", "NO_COLOR": "1"}),
    )  # fmt: skip
    os.close(theirs)
    watching.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert watching.returncode == 3
    assert re.search(r"ingest +Succeeded +7 s", shown), shown
    assert re.search(r"train +Failed", shown), shown
