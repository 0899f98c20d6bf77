"""`make images`: which builder is called, and with what."""

import os
import subprocess
from pathlib import Path

import pytest

from serinus import __version__
from tests.images.imports import ROOT

SCRIPT = ROOT / "scripts" / "images.sh"
# Keeps what it was called with, a line for each argument; `info` answers as it is told.
BUILDER = """#!/bin/sh
[ "$1" != info ] || exit {info}
printf '%s\\n' "$@" >> "{record}"
"""


class Machine:
    """A PATH with the builders that it is given, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.record = folder, folder / "record"

    def has(self, *builders: str, answering: bool = True) -> None:
        for name in builders:
            program = self.folder / name
            program.write_text(BUILDER.format(info=0 if answering else 1, record=self.record))
            program.chmod(0o755)

    def make(self, *images: str, **variables: str) -> subprocess.CompletedProcess[str]:
        system = [part for part in os.environ["PATH"].split(os.pathsep) if not _has_builder(Path(part))]
        environment = {
            "PATH": os.pathsep.join([str(self.folder), *system]),
            "HOME": str(self.folder),
            "SOURCE_DATE_EPOCH": "1000000000",
            **variables,
        }
        return subprocess.run(
            [SCRIPT, *images], capture_output=True, text=True, check=False, env=environment, timeout=60
        )

    @property
    def called_with(self) -> list[str]:
        return self.record.read_text().splitlines()


def _has_builder(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("docker", "podman", "buildah"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Without the folders of this machine's own builders the usual programs are linked."""
    for name in ("sh", "sed", "tr", "git", "date", "dirname"):
        found = next(path for path in (Path("/usr/bin", name), Path("/bin", name)) if path.exists())
        (tmp_path / name).symlink_to(found)
    return Machine(tmp_path)


def test_the_first_builder_that_answers_is_called(machine: Machine) -> None:
    machine.has("docker", answering=False)
    machine.has("podman", "buildah")
    done = machine.make("data")
    assert done.returncode == 0, done.stderr
    assert f"Building ghcr.io/serinus/data:{__version__} with podman" in done.stdout
    assert machine.called_with[0] == "build"


def test_every_image_is_built_from_the_same_file_and_dated_by_the_commit(machine: Machine) -> None:
    machine.has("docker")
    assert machine.make().returncode == 0
    built = [line for line in machine.called_with if line.startswith("IMAGE=")]
    assert built == ["IMAGE=collector", "IMAGE=data", "IMAGE=model", "IMAGE=operator", "IMAGE=predictor"]
    assert machine.called_with.count("images/Containerfile") == len(built)
    assert machine.called_with.count("SOURCE_DATE_EPOCH=1000000000") == len(built)
    assert machine.called_with.count("CREATED=2001-09-09T01:46:40Z") == len(built)


def test_base_place_and_other_arguments_are_handed_on(machine: Machine) -> None:
    machine.has("docker")
    machine.make("data", BASE="mirror.test/python:3.11", SERINUS_IMAGES="mirror.test/serinus", ARGS="--no-cache --pull")
    assert machine.called_with[1:3] == ["--no-cache", "--pull"]
    assert "BASE=mirror.test/python:3.11" in machine.called_with
    assert f"mirror.test/serinus/data:{__version__}" in machine.called_with


def test_where_no_commit_says_when_somebody_must(machine: Machine) -> None:
    machine.has("docker")
    done = machine.make("data", SOURCE_DATE_EPOCH="", GIT_DIR=str(machine.folder))
    assert done.returncode == 1
    assert "This is no Git checkout; set SOURCE_DATE_EPOCH=SECONDS" in done.stderr
    assert not machine.record.exists()


def test_where_no_builder_answers_it_is_said(machine: Machine) -> None:
    machine.has("docker", answering=False)
    done = machine.make("data")
    assert done.returncode == 1
    assert "No builder answers (tried docker podman buildah)" in done.stderr
    assert not machine.record.exists()


def test_a_builder_that_is_named_is_the_only_one(machine: Machine) -> None:
    machine.has("docker")
    done = machine.make("data", BUILDER="podman")
    assert done.returncode == 1
    assert "No builder answers (tried podman)" in done.stderr


def test_an_image_that_is_not_there_is_refused(machine: Machine) -> None:
    machine.has("docker")
    done = machine.make("collectors")
    assert done.returncode == 1
    assert "There is no image collectors; there are collector data model operator predictor" in done.stderr
