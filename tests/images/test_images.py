"""Each image has what its extra needs, pinned as everywhere else, and runs without root."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.images import IMAGE_OF_STEP
from tests.images.imports import ROOT, distributions

IMAGES = ("collector", "data", "model", "operator", "predictor")
DATA_STACK = {"numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "kfp", "kserve", "mlflow"}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)")
# One name may be pinned once for each range of Pythons.
Pins = dict[str, dict[str, frozenset[str]]]


def pins(lock: Path) -> Pins:
    """{distribution: {version: hashes}}"""
    found: Pins = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8")):
        if pin := PIN.match(entry):
            hashes = frozenset(re.findall(r"--hash=(sha256:\w+)", entry))
            found.setdefault(canonicalize_name(pin[1]), {})[pin[2]] = hashes
    return found


def installed(image: str) -> Pins:
    return pins(ROOT / "images" / image / "requirements.lock")


def needed(extra: str) -> Iterator[Requirement]:
    """What an extra asks for, and those that it builds on."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"][extra]]:
        requirement = Requirement(text)
        if requirement.name == "serinus":
            yield from (one for base in requirement.extras for one in needed(base))
        else:
            yield requirement


def containerfile() -> str:
    return (ROOT / "images" / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def stages() -> dict[str, str]:
    """{name: instructions}; the last stage, which has no name, is left out."""
    parts = re.split(r"^FROM ", containerfile(), flags=re.MULTILINE)[1:]
    return {part.splitlines()[0].rpartition(" ")[2]: part for part in parts if " AS " in part.splitlines()[0]}


def test_there_is_a_lock_file_for_each_image() -> None:
    assert {path.parent.name for path in (ROOT / "images").glob("*/requirements.lock")} == set(IMAGES)
    assert set(IMAGES) <= stages().keys()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_what_the_tests_ran_with(image: str) -> None:
    tested = pins(ROOT / "requirements.lock")
    assert len(installed(image)) > 50
    assert all(hashes for versions in installed(image).values() for hashes in versions.values())
    assert {name: pin for name, pin in installed(image).items() if tested.get(name) != pin} == {}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_all_that_its_part_needs(image: str) -> None:
    for requirement in needed(image):
        versions = installed(image)[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_operator_carries_nothing_of_the_data_stack() -> None:
    assert not DATA_STACK & installed("operator").keys()


@pytest.mark.parametrize("image", sorted(set(IMAGE_OF_STEP.values())))
def test_what_is_laid_over_the_data_steps_changes_nothing_of_theirs(image: str) -> None:
    assert installed("data").items() <= installed(image).items()


def test_every_step_has_an_image() -> None:
    steps = {path.parent.name for path in (ROOT / "components").glob("*/component.py")}
    assert steps <= IMAGE_OF_STEP.keys()
    assert set(IMAGE_OF_STEP.values()) <= set(IMAGES)


@pytest.mark.parametrize("step", sorted(path.parent.name for path in (ROOT / "components").glob("*/component.py")))
def test_a_steps_image_holds_all_that_the_step_imports(step: str) -> None:
    found = distributions(f"components.{step}.component")
    assert frozenset({"pandas"}) in found
    held = installed(IMAGE_OF_STEP[step]).keys()
    assert {any_of: modules for any_of, modules in found.items() if not any_of & held} == {}


def test_the_collectors_image_holds_all_that_the_collector_imports() -> None:
    found = distributions("serinus.collector.main")
    assert {frozenset({name}) for name in ("fastapi", "sqlalchemy", "pyarrow", "fsspec")} <= found.keys()
    held = installed("collector").keys()
    assert {any_of: modules for any_of, modules in found.items() if not any_of & held} == {}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_without_root_and_is_only_copied_together(image: str) -> None:
    stage, instructions = image, ""
    while stage != "${BASE}":
        instructions = stages()[stage] + instructions
        stage = stages()[stage].split(" ", 1)[0]
    assert re.findall(r"^USER (.*)$", instructions, re.MULTILINE) == ["10001:10001"]
    assert not re.findall(r"^RUN ", instructions, re.MULTILINE)
    assert len(re.findall(r"^COPY --from=\S+ /sealed /$", instructions, re.MULTILINE)) >= 2


@pytest.mark.parametrize("image", sorted(set(IMAGE_OF_STEP.values())))
def test_nothing_comes_before_a_steps_command(image: str) -> None:
    assert "ENTRYPOINT" not in stages()[image]
    assert "ENTRYPOINT" not in stages()["step"] + stages()["runtime"]


def test_nothing_is_installed_that_was_not_checked() -> None:
    """What is not taken from a lock file by its hash comes from wheels that were made from such files, without an index."""
    recipe = containerfile() + (ROOT / "images" / "install.sh").read_text(encoding="utf-8")
    installs = re.findall(r"bin/pip (?:--python \S+ )?(?:install|wheel) ([^&\n]+)", recipe)
    assert len(installs) == 5
    assert all({"--require-hashes", "--no-index", "./source"} & set(one.split()) for one in installs)
    assert next(one for one in installs if "./source" in one).startswith("--no-deps --no-build-isolation ")


def test_what_is_copied_into_an_image_is_not_kept_from_it() -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    here = [line.split()[1:-1] for line in containerfile().splitlines() if re.match("COPY (?!--from)", line)]
    sources = {source.partition("/")[0] for line in here for source in line}
    assert sources == {
        "LICENSE",
        "README.md",
        "components",
        "images",
        "operator",
        "pipelines",
        "pyproject.toml",
        "requirements-build.lock",
    }
    assert all(any(line.startswith(f"!{source}") for line in kept) for source in sources)
    assert kept.index("*") < min(index for index, line in enumerate(kept) if line.startswith("!"))
