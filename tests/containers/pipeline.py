"""Run a pipeline, each step in a container of its image as in a pod: `python -m tests.containers.pipeline NAME ARGUMENTS FOLDER`.

KFP's local runner plans the steps and says their commands; docker's or podman's own command runs them, so that no API of either
is needed. FOLDER is all that they see of this machine.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from kfp import local
from kfp.local.docker_task_handler import DockerTaskHandler
from kfp.local.status import Status

from scripts import containers


def main(name: str, arguments: str, folder: Path) -> None:
    def run_step(self: DockerTaskHandler) -> Status:
        command = containers.command_for(
            self.image, self.full_command, volumes={folder: str(folder)}, environment=self.env_vars
        )
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        print(f"{self.image} ended with {done.returncode}\n{done.stdout}")
        return Status.SUCCESS if done.returncode == 0 else Status.FAILURE

    os.umask(0)  # the containers' user writes into folders that KFP makes here
    DockerTaskHandler.run = run_step
    local.init(runner=local.DockerRunner(), pipeline_root=str(folder / "kfp"))
    done = getattr(import_module(f"pipelines.{name}"), name)(**json.loads(arguments))
    print(json.dumps(done.outputs))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
