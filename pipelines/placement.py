"""How a step's pod runs on Kubeflow Pipelines: resources, patience, retries, identity and secrets by name.

A local run leaves all of this aside.
"""

from dataclasses import dataclass
from typing import Any

from kfp import kubernetes

USER = 10001  # as in the images
LABELS = {"app.kubernetes.io/name": "serinus", "app.kubernetes.io/component": "pipeline-step"}

SECRET = "serinus-pipeline"  # the Secret's name; its keys are the variables' names, each of them optional
REGISTRY_KEYS = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
STORAGE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")
DATABASE_KEYS = ("DATABASE_URL", "DATABASE_USER", "DATABASE_PASSWORD")


@dataclass(frozen=True)
class Place:
    """What a step's pod gets: `cores` and `gibibytes` as requests, twice that as limits, ended after `minutes`.

    `retries` are for steps that something outside can fail, a database or the registry; one that only computes would
    fail the same way again. `keys` are those of SECRET that the step needs.
    """

    cores: float
    gibibytes: float
    minutes: int
    retries: int = 0
    keys: tuple[str, ...] = ()
    cached: bool = True


def place(task: Any, where: Place) -> Any:
    """`task` with everything that `where` says."""
    _give_resources(task, where)
    _give_identity(task)
    task.set_caching_options(where.cached)
    kubernetes.set_timeout(task, where.minutes * 60)
    if where.retries:
        task.set_retry(where.retries, backoff_duration="30s", backoff_factor=2, backoff_max_duration="600s")
    if where.keys:
        kubernetes.use_secret_as_env(task, SECRET, {key: key for key in where.keys}, optional=True)
    return task


def _give_resources(task: Any, where: Place) -> None:
    task.set_cpu_request(_cores(where.cores)).set_cpu_limit(_cores(2 * where.cores))
    task.set_memory_request(_mebibytes(where.gibibytes)).set_memory_limit(_mebibytes(2 * where.gibibytes))


def _give_identity(task: Any) -> None:
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    for key, value in LABELS.items():
        kubernetes.add_pod_label(task, key, value)


def _cores(cores: float) -> str:
    return f"{round(cores * 1000)}m"


def _mebibytes(gibibytes: float) -> str:
    return f"{round(gibibytes * 1024)}Mi"
