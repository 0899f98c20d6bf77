"""The images that `make images` has built, at work. Run by `make images-test`; needs docker or podman."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.images import reference
from scripts import containers
from serinus.adapters.mlflow_client import registry_of
from serinus.training.load import load_config
from tests.components.conftest import TRAINING, make_trips

ROOT = Path(__file__).parents[2]
Run = Callable[..., "Ran"]


class Ran:
    """A pipeline's run: its outputs, and what was printed."""

    def __init__(self, printed: str) -> None:
        self.printed, self.outputs = printed, json.loads(printed.splitlines()[-1])

    @property
    def images(self) -> list[str]:
        """The image of each step, in the order in which they ended; all of them ended well."""
        ended = [line.strip().split(" ended with ") for line in self.printed.splitlines() if " ended with " in line]
        assert {code for _, code in ended} == {"0"}
        return [image for image, _ in ended]


def _run(name: str, arguments: dict[str, object], folder: Path) -> Ran:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.containers.pipeline",
        name,
        json.dumps(arguments),
        str(folder),
    ]
    path = os.pathsep.join([str(ROOT), str(ROOT / "operator" / "src")])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    return Ran(done.stdout)


@pytest.fixture(scope="session")
def run_pipeline() -> Run:
    """Runs a pipeline by its name, with its arguments, in a folder that everybody may write."""
    return _run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that the images' user may write; what belongs to that user in the end is removed by it."""
    folder = tmp_path_factory.mktemp("shared")
    folder.chmod(0o777)
    yield folder
    emptied = ["-c", f"find {folder} -mindepth 1 -user 10001 -delete"]
    command = containers.command_for(
        reference("data"), emptied, options=["--entrypoint=sh"], volumes={folder: str(folder)}
    )
    subprocess.run(command, check=False, capture_output=True)


@pytest.fixture(scope="session")
def trained(shared: Path) -> tuple[Path, Ran]:
    """(the state folder, the run) of the training pipeline on a small table, into a registry in a file."""
    make_trips().to_csv(shared / "trips.csv", index=False)
    (shared / "training.yaml").write_text(TRAINING)
    state = shared / "state"
    state.mkdir()
    state.chmod(0o777)
    config = load_config(shared / "training.yaml")
    arguments = {
        "training": config.model_dump_json(by_alias=True),
        "variants": [variant.name for variant in config.variants],
        "registry_uri": registry_of(state),
        "snapshot_root": str(state / "snapshots"),
        "run_key": "in-containers",
    }
    return state, _run("training", arguments, shared)
