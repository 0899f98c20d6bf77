"""`make kind`: what is listed is what would be done, in an order that works, with files that are there."""

import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.charts.rendered import ROOT

SCRIPT = ROOT / "scripts" / "kind.sh"
PROGRAMS = ("docker", "kind", "kubectl", "helm")
# Keeps what it was called with; `kind get clusters` finds none.
RECORDER = """#!/bin/sh
case "$(basename "$0") $*" in
  "docker info"|"kind get clusters") exit 0 ;;
esac
echo "$(basename "$0") $*" >> {record}
"""


def run(*arguments: str, path: str = "/usr/bin:/bin") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPT, *arguments], capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PATH": path}
    )


def listed(output: str) -> list[str]:
    """The steps; what follows is advice."""
    steps = output.partition("\nReady")[0].splitlines()
    return [line.strip() for line in steps if line.strip().startswith(PROGRAMS)]


@pytest.fixture
def steps() -> list[str]:
    done = run("--dry-run")
    assert done.returncode == 0, done.stderr
    return listed(done.stdout)


def position(steps: Sequence[str], pattern: str) -> int:
    (found,) = [index for index, step in enumerate(steps) if re.search(pattern, step)]
    return found


def recorded(tmp_path: Path, *missing: str) -> str:
    """A PATH with programs that only keep what they were called with."""
    for name in set(PROGRAMS) - set(missing):
        program = tmp_path / name
        program.write_text(RECORDER.format(record=shlex.quote(str(tmp_path / "record"))))
        program.chmod(0o755)
    for name in ("sh", "sed", "grep", "cat", "dirname", "basename"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    return str(tmp_path)


def test_what_is_listed_is_what_is_done(tmp_path: Path, steps: list[str]) -> None:
    done = run(path=recorded(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "record").read_text().splitlines() == steps


def test_each_part_comes_after_what_it_needs(steps: list[str]) -> None:
    order = [
        r"^kind create cluster",
        r"install cert-manager ",
        r"gateway-api/.*standard-install",
        r"manifests/kind/namespaces.yaml",
        r"install traefik ",
        r"install kserve-crd ",
        r"install kserve-resources ",
        r"install kserve-runtime-configs ",
        r"kind load .*operator",
        r"kind load .*predictor",
        r"install serinus charts/serinus",
        r"apply .*manifests/examples/iris.yaml",
        r"wait modeldeployment/iris",
    ]
    positions = [position(steps, pattern) for pattern in order]
    assert positions == sorted(positions)


def test_every_file_that_is_named_is_there(steps: list[str]) -> None:
    words = {word for step in steps for word in step.split()}
    named = {word for word in words if word.startswith(("manifests/", "images/", "charts/")) or word.endswith(".yaml")}
    local = {word for word in named if "://" not in word}
    assert len(local) >= 8
    assert not [word for word in local if not (ROOT / word).exists()]


def test_every_chart_but_our_own_has_a_version(steps: list[str]) -> None:
    charts = [step for step in steps if step.startswith("helm ") and "charts/serinus" not in step]
    assert len(charts) == 5
    assert all(re.search(r"--version v?\d+\.\d+\.\d+", step) for step in charts)


def test_the_gateway_is_where_the_node_listens() -> None:
    (mapping,) = yaml.safe_load((ROOT / "kind-config.yaml").read_text())["nodes"][0]["extraPortMappings"]
    traefik = yaml.safe_load((ROOT / "manifests" / "kind" / "traefik.yaml").read_text())
    kserve = yaml.safe_load((ROOT / "manifests" / "kind" / "kserve.yaml").read_text())
    serinus = yaml.safe_load((ROOT / "manifests" / "kind" / "serinus.yaml").read_text())
    gateway = f"{traefik['gateway']['namespace']}/{traefik['gateway']['name']}"
    assert traefik["ports"]["web"]["nodePort"] == mapping["containerPort"]
    assert kserve["kserve"]["controller"]["gateway"]["ingressGateway"]["kserveGateway"] == gateway
    assert serinus["settings"]["gateway"] == gateway


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_missing_program_is_named(tmp_path: Path, program: str) -> None:
    done = run(path=recorded(tmp_path, program))
    assert done.returncode == 1
    assert f"{program} is not installed" in done.stderr
    assert not (tmp_path / "record").exists()


def test_the_whole_cluster_can_be_removed(tmp_path: Path) -> None:
    assert run("--delete", path=recorded(tmp_path)).returncode == 0
    assert (tmp_path / "record").read_text() == "kind delete cluster --name serinus\n"


def test_an_unknown_argument_is_refused(tmp_path: Path) -> None:
    done = run("--remove", path=recorded(tmp_path))
    assert done.returncode == 2
    assert "--dry-run" in done.stderr
    assert not (tmp_path / "record").exists()
