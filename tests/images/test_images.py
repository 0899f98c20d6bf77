"""Each image has what its extra needs, pinned as everywhere else, and runs without root."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
IMAGES = ("operator", "predictor")
DATA_STACK = {"numpy", "pandas", "scikit-learn", "scipy", "pyarrow", "kfp", "kserve", "mlflow"}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)")


def pins(lock: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of each distribution."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8")):
        pin = PIN.match(entry)
        if pin:
            found[canonicalize_name(pin[1])] = (pin[2], frozenset(re.findall(r"--hash=(sha256:\w+)", entry)))
    return found


def project() -> dict[str, Any]:
    content: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return content


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_what_the_tests_ran_with(image: str) -> None:
    tested, installed = pins(ROOT / "requirements.lock"), pins(ROOT / "images" / image / "requirements.lock")
    assert len(installed) > 50
    assert all(hashes for _, hashes in installed.values())
    assert {name: pin for name, pin in installed.items() if tested.get(name) != pin} == {}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_installs_all_that_its_part_needs(image: str) -> None:
    installed = pins(ROOT / "images" / image / "requirements.lock")
    needed = [Requirement(text) for text in [*project()["dependencies"], *project()["optional-dependencies"][image]]]
    for requirement in needed:
        version, _ = installed[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_the_operator_carries_nothing_of_the_data_stack() -> None:
    assert not DATA_STACK & pins(ROOT / "images" / "operator" / "requirements.lock").keys()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_without_root_and_installs_nothing_unchecked(image: str) -> None:
    text = (ROOT / "images" / image / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    *_, final = text.split("\nFROM ")
    assert "\nUSER 10001:10001\n" in final
    assert "RUN " not in final
    installs = re.findall(r"pip (?:--python \S+ )?install ([^&\n]+)", text)
    assert len(installs) == 3
    assert all("--require-hashes" in one or one.startswith("--no-deps wheels/serinus-") for one in installs)


def test_what_is_copied_into_an_image_is_not_kept_from_it() -> None:
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = {"requirements-build.lock", "pyproject.toml", "README.md", "LICENSE", "operator/src", "images"}
    assert {f"!{source}" for source in sources} <= set(kept)
    assert kept.index("*") < min(kept.index(f"!{source}") for source in sources)
