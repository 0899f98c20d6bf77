"""Steps in containers of this machine, through Docker's API.

KFP's own DockerRunner lets Docker remove a container when it ends, and takes one that is gone for one that succeeded. Here
a container is removed by who has its exit code, and one that is gone has failed.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pipelines.mounts import container_settings
from serinus.core.errors import TrainingFailed
from serinus.training.steps import MARKER

RUN_LABEL = "dev.serinus.run"
KILL, KILLED = 137, " (killed, by lack of memory?)"
LOST = 125  # Docker's own exit code where it could not run a container at all


@contextmanager
def docker_runner(request: dict[str, Any]) -> Iterator[Any]:
    """KFP's DockerRunner for a run's request, with containers run by `run_container`. Raises TrainingFailed without Docker."""
    from kfp import local
    from kfp.local import docker_task_handler as handler

    run = request["arguments"]["run_key"]
    remove_containers(run)  # of an attempt that was killed
    theirs, handler.run_docker_container = handler.run_docker_container, run_container
    try:
        yield local.DockerRunner(labels={RUN_LABEL: run}, **container_settings(request["arguments"], os.environ))
    finally:
        handler.run_docker_container = theirs


def run_container(client: Any, image: str, command: list[str], volumes: dict[str, Any], **settings: Any) -> int:
    """Run one container, print what it prints, and return its exit code, or LOST where nobody can know it."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        container = _created(client, image, command=command, volumes=volumes, **settings)
        try:
            container.start()
            _follow(container)
            code = _exit_code(container.wait())
        finally:
            with suppress(DockerException, RequestException):
                container.remove(force=True, v=True)
    except (DockerException, RequestException) as error:
        _tell_failure(f"the container of {image} came to no end that is known, so its step failed: {error}")
        return LOST
    if code:
        _tell_failure(f"the container of {image} ended with exit code {code}{KILLED if code == KILL else ''}")
    return code


def remove_containers(run: str) -> None:
    """End every container of a run. Raises TrainingFailed where Docker does not answer."""
    import docker
    from docker.errors import DockerException, NotFound

    try:
        client = docker.from_env()
        try:
            for container in client.containers.list(
                all=True, filters={"label": f"{RUN_LABEL}={run}"}, ignore_removed=True
            ):
                with suppress(NotFound):
                    container.remove(force=True, v=True)
        finally:
            client.close()
    except DockerException as error:
        raise TrainingFailed(
            f"Docker does not answer ({' '.join(str(error).split())[:200]}); start it, or name it by DOCKER_HOST"
        ) from error


def _created(client: Any, image: str, **settings: Any) -> Any:
    from docker.errors import APIError, ImageNotFound

    try:
        return client.containers.create(image, **settings)
    except ImageNotFound:
        _say(f"pulling {image}")
    try:
        client.images.pull(image)
    except APIError as error:
        raise ImageNotFound(
            f"the image is not here, and cannot be pulled; build it by `make images` ({error})"
        ) from error
    return client.containers.create(image, **settings)


def _follow(container: Any) -> None:
    """Print the container's output as it comes. That it is cut off says nothing of the exit code."""
    from docker.errors import DockerException
    from urllib3.exceptions import HTTPError

    try:
        for chunk in container.logs(stream=True, follow=True):
            print(chunk.decode("utf-8", "replace"), end="")  # noqa: T201  # as KFP's own handler does
    except (DockerException, HTTPError, OSError) as error:  # of requests are the last
        _say(f"its output was cut off: {error}")


def _exit_code(answer: dict[str, Any]) -> int:
    """Of Docker's answer to wait; an answer with an error, or without a code, is no success."""
    if answer.get("Error"):
        _say(f"Docker says of the container: {answer['Error']}")
        return int(answer.get("StatusCode") or LOST)
    return int(answer.get("StatusCode", LOST))


def _tell_failure(message: str) -> None:
    """As a step does, which tells its own first if it comes so far."""
    event = {"step": "", "event": "failed", "error": TrainingFailed.__name__, "message": message}
    _say(f"{MARKER}{json.dumps(event)}")


def _say(line: str) -> None:
    print(line)  # noqa: T201  # to the run's log
