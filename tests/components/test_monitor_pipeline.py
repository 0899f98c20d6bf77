"""The monitoring pipeline as KFP runs it on this machine, and as it is compiled."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.monitor.values import MonitoringReport
from pipelines.compile import COMPILED
from serinus.core.reference import REFERENCE_FILE
from serinus.training.steps import parse
from tests.components.monitored import make_world, register, write_log
from tests.local.support.programs import program_environment

PROGRAM = """
import json, sys
from kfp import local
from pipelines.monitoring import monitoring
local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])
done = monitoring(**json.loads(sys.argv[1]))
print(json.dumps(done.outputs))
"""


def run(arguments: dict[str, object], root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, json.dumps(arguments), str(root)]
    return subprocess.run(command, capture_output=True, text=True, env=program_environment(), timeout=120, check=False)


@pytest.mark.xdist_group("monitor")
def test_a_run_leaves_a_page_metrics_and_the_whole_report(tmp_path: Path) -> None:
    world = make_world(tmp_path)
    register(world, {REFERENCE_FILE: world.reference.model_dump_json(by_alias=True)})
    arguments = {
        "training": world.config.model_dump_json(by_alias=True),
        "log": str(write_log(world.rows(), tmp_path / "log")),
        "registry_uri": world.uri,
        "as_of": world.end.isoformat(),
        "window": "480h",
    }
    done = run(arguments, tmp_path / "kfp")
    assert done.returncode == 0, done.stderr[-2000:]
    details = next((tmp_path / "kfp").rglob("monitor/details"))
    report = MonitoringReport.model_validate_json(details.read_text())
    assert report.own.rows == 800
    assert (details.parent / "report").read_text().startswith("<!DOCTYPE html>")
    assert json.loads(done.stdout.splitlines()[-1]) == {"Output": report.message}
    told = [event for line in done.stdout.splitlines() if (event := parse(line[line.find("::") :]))]
    assert told[-1]["event"] == "finished"
    assert told[-1]["message"] == report.message


def test_the_compiled_pipeline_runs_as_often_as_it_is_asked() -> None:
    """The same arguments mean another window at another time: nothing may be answered from KFP's cache."""
    pipeline, platform = yaml.safe_load_all((COMPILED / "monitoring.yaml").read_text())
    assert pipeline["pipelineInfo"]["name"] == "monitoring"
    assert not pipeline["root"]["dag"]["tasks"]["monitor"]["cachingOptions"].get("enableCache", False)
    needed = [
        name for name, one in pipeline["root"]["inputDefinitions"]["parameters"].items() if not one.get("isOptional")
    ]
    assert needed == ["log", "registry_uri", "training"]
    outputs = pipeline["components"]["comp-monitor"]["outputDefinitions"]["artifacts"]
    assert {name: one["artifactType"]["schemaTitle"] for name, one in outputs.items()} == {
        "report": "system.HTML",
        "metrics": "system.Metrics",
        "details": "system.Artifact",
    }
    assert "exec-monitor" in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
