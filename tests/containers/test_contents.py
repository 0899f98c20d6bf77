"""What is in each image: what its lock file says, nothing that builds or installs, and who it is."""

import json
import subprocess
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from components.images import IMAGE_OF_STEP, reference
from scripts import containers
from serinus import __version__
from tests.images.test_images import IMAGES, installed

INVENTORY = Path(containers.__file__).with_name("inventory.py")
# Those of a module's bytecode: 1 is "by hash, unchecked" (PEP 552).
FLAGS = """
from importlib.util import cache_from_source, find_spec
from pathlib import Path
print(int.from_bytes(Path(cache_from_source(find_spec("serinus").origin)).read_bytes()[4:8], "little"))
"""
INSTALLERS = ("pip", "uv", "gcc", "cc", "g++", "make", "ld")


def shell(image: str, script: str) -> str:
    """What a script prints in the image, as in a pod."""
    command = containers.command_for(reference(image), ["-c", script], options=["--entrypoint=sh"])
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("image", IMAGES)
def test_the_lock_file_is_what_is_installed(image: str) -> None:
    command = containers.command_for(reference(image), ["-"], options=["--interactive", "--entrypoint=python"])
    done = subprocess.run(command, input=INVENTORY.read_text(), capture_output=True, text=True, check=True)
    present = {canonicalize_name(one["name"]): one["version"] for one in json.loads(done.stdout)["distributions"]}
    assert present.pop("serinus") == __version__
    locked = installed(image)
    assert {name: version for name, version in present.items() if version not in locked.get(name, {})} == {}
    own = {"operator": "httpx", "collector": "pyarrow"}
    assert {"pydantic", "typer", own.get(image, "pandas")} <= present.keys()


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_is_left_that_builds_or_installs(image: str) -> None:
    looked_for = f"for one in {' '.join(INSTALLERS)}; do PATH=/serinus/bin:/venv/bin command -v $one; done"
    assert shell(image, f"{looked_for}; ls /build /sealed 2>/dev/null || true") == ""
    assert shell(image, "python -c 'import pip' 2>&1 || true").strip().endswith("No module named 'pip'")


@pytest.mark.parametrize("image", IMAGES)
def test_its_user_is_nobody_in_particular_and_owns_nothing(image: str) -> None:
    assert shell(image, "id -u; id -g").split() == ["10001", "10001"]
    assert containers.inspect(image, "{{.Config.User}}") == "10001:10001"
    assert shell(image, "find /venv /serinus -user 10001 -o -perm /022 ! -type l").split() == []


@pytest.mark.parametrize("image", IMAGES)
def test_bytecode_is_there_and_is_not_checked_against_its_source(image: str) -> None:
    assert shell(image, f"python -c '{FLAGS}'").strip() == "1"


@pytest.mark.parametrize("image", IMAGES)
def test_the_labels_say_what_it_is_and_what_it_was_made_of(image: str) -> None:
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in json.loads(containers.inspect(image, "{{json .Config.Labels}}")).items()
    }
    assert labels["version"] == __version__
    assert labels["source"].startswith("https://")
    assert labels["licenses"] == "Apache-2.0"
    assert labels["created"].endswith("Z")
    assert labels["title"].startswith("Serinus ")
    assert labels["revision"] != "unknown"
    assert labels["description"]


@pytest.mark.parametrize("image", sorted(set(IMAGE_OF_STEP.values())))
def test_nothing_comes_before_a_steps_command(image: str) -> None:
    assert containers.inspect(image, "{{json .Config.Entrypoint}}") in {"null", "[]"}


def test_all_images_share_the_layers_that_they_can() -> None:
    layers = {image: json.loads(containers.inspect(image, "{{json .RootFS.Layers}}")) for image in IMAGES}
    (base,) = {one[0] for one in layers.values()}
    (serinus,) = {one[-1] for one in layers.values()}
    below_steps = {tuple(layers[image][:-1])[: len(layers["data"]) - 1] for image in set(IMAGE_OF_STEP.values())}
    assert base != serinus
    assert below_steps == {tuple(layers["data"][:-1])}
