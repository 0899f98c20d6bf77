"""What stands for a container image: there are no images here, but the same programs as processes."""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.cluster.control_plane import builds

REPOSITORY = "ghcr.io/serinus"
# The user of images that are built to run without root.
NOBODY_IN_PARTICULAR = 10001
STORAGE = Path(__file__).with_name("storage.py")
BIN = Path(sys.executable).parent
# Where a container that must see the machine's own files finds them.
MACHINE = "/machine"


@dataclass(frozen=True)
class Image:
    """What an image would say. `files` maps a path inside the container to one on this machine."""

    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    user: int = NOBODY_IN_PARTICULAR


def default_images() -> dict[str, Image]:
    """The images that the cluster itself and Serinus use, by name without a tag."""
    knative = {
        f"ko://knative.dev/serving/cmd/{binary.name.removeprefix('knative-')}": _program(binary.path)
        for binary in builds.KNATIVE
    }
    return {
        f"{REPOSITORY}/collector": Image(entrypoint=("python", "-m", "serinus.collector")),
        f"{REPOSITORY}/operator": Image(entrypoint=("serinus",), arguments=("operator",)),
        f"{REPOSITORY}/predictor": Image(entrypoint=("python", "-m", "serinus.predictor")),
        "kserve/kserve-controller": Image(files={"/manager": str(builds.KSERVE.path)}),
        "kserve/storage-initializer": Image(entrypoint=(sys.executable, str(STORAGE)), files={MACHINE: "/"}, user=0),
        "traefik": _program(BIN / "traefik"),
        "test/python": Image(entrypoint=("python",)),
        **knative,
    }


def write_images(file: Path, images: Mapping[str, Image]) -> None:
    """Make the images known to the node, beside those that it knows already."""
    known = json.loads(file.read_text()) if file.exists() else {}
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(known | {name: asdict(image) for name, image in images.items()}))
    unfinished.replace(file)


def find_image(file: Path, reference: str) -> Image | None:
    """The image of a reference: by its whole name, else by its name without tag and digest."""
    known = json.loads(file.read_text())
    found = next((known[name] for name in _names(reference) if name in known), None)
    if found is None:
        return None
    return Image(**found | {"entrypoint": tuple(found["entrypoint"]), "arguments": tuple(found["arguments"])})


def _names(reference: str) -> Iterable[str]:
    yield reference
    without_digest = reference.partition("@")[0]
    yield without_digest
    folder, slash, name = without_digest.rpartition("/")
    yield f"{folder}{slash}{name.partition(':')[0]}"


def _program(path: Path) -> Image:
    return Image(entrypoint=(str(path),))
