"""Run Serinus's images with docker or podman as a pod runs them: without root, privileges or a root that can be written."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from components.images import reference

IMAGES = sorted(path.name for path in (Path(__file__).parents[1] / "images").iterdir() if path.is_dir())
AS_IN_A_POD = (
    *("--user=10001:10001", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
    *("--pids-limit=512", "--network=none"),
)


@cache
def runner() -> str:
    """The program that runs containers: $RUNNER, or docker or podman, whichever answers. Exits where none does."""
    wanted = os.environ.get("RUNNER")
    for program in [wanted] if wanted else ["docker", "podman"]:
        if (
            shutil.which(program)
            and subprocess.run([program, "info"], capture_output=True, check=False).returncode == 0
        ):
            return program
    raise SystemExit(
        f"nothing answers that runs containers (tried {wanted or 'docker, podman'}); install and start one of them"
    )


def command_for(
    image: str,
    command: Sequence[str] = (),
    *,
    options: Sequence[str] = (),
    volumes: Mapping[Path, str] | None = None,
    environment: Mapping[str, str] | None = None,
    keep: bool = False,
) -> list[str]:
    """What runs `command` in a container of `image`, a reference. `volumes`: folders here, and where they are there."""
    mounted = [f"--volume={here}:{there}" for here, there in (volumes or {}).items()]
    variables = [f"--env={name}={value}" for name, value in (environment or {}).items()]
    kept = [] if keep else ["--rm"]
    return [runner(), "run", *kept, *AS_IN_A_POD, *mounted, *variables, *options, image, *command]


def inspect(image: str, template: str) -> str:
    """What the image of that name says of itself. Exits where it has not been built."""
    command = [runner(), "image", "inspect", "--format", template, reference(image)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"image {reference(image)} is not there; build it: make images IMAGES={image}")
    return done.stdout.strip()
