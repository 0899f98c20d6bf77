"""What every use of MLflow shares: tag names, connecting without long waits, and its errors in our terms."""

import errno
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from serinus.core.errors import RegistryUnavailable, SpecInvalid

DIGEST_TAG = "serinus.dev/digest"
DATA_DIGEST_TAG = "serinus.dev/data-digest"
GIT_SHA_TAG = "serinus.dev/git-sha"
TRAINING_TAG = "serinus.dev/training-digest"
SNAPSHOT_TAG = "serinus.dev/snapshot"
IMAGES_TAG = "serinus.dev/images"
JOB_TAG = "serinus.dev/pipeline-run"
PARENT_TAG = "serinus.dev/parent-version"  # the champion that the version was judged against
VARIANT_TAG = "serinus.dev/variant"
OUTCOME_TAG = "serinus.dev/outcome"
REASON_TAG = "serinus.dev/reason"
MESSAGE_TAG = "serinus.dev/message"
RUN_KEY_TAG = "serinus.dev/run-key"
PART_TAG = "serinus.dev/part-of"  # on a child run: the run key it belongs to
CHILD_TAG = "serinus.dev/child-key"  # on a child run: which one of them it is
CONTENT_TAG = "serinus.dev/content-digest"  # on a child run: what is logged to it once it has ended
ROLLOUT_TAG = "serinus.dev/rollout"
VERSION_TAG = "serinus.dev/model-version"
OWNER_TAG = "serinus.dev/owner."  # + alias, on the registered model
QUARANTINE_TAG = "serinus.dev/quarantine."  # + owner, on the version: the rollout that rejected it, and why
PROMOTED_TAG = "serinus.dev/promoted."  # + alias: the version we last pointed it at

SQLITE = "sqlite:///"
PROXIED = "mlflow-artifacts:"  # the scheme of artifacts that the server itself hands out
# MLflow's own defaults retry for two minutes; whoever asks again by himself wants to know at once.
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "4"}
QUIET = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it asks the server once more for every run that ends
}
REFUSALS = (
    "BAD_REQUEST",
    "INVALID_PARAMETER_VALUE",
    "INVALID_STATE",
    "RESOURCE_ALREADY_EXISTS",
    "RESOURCE_DOES_NOT_EXIST",
)


def registry_of(folder: Path) -> str:
    """The registry of a state folder: MLflow on SQLite."""
    return f"{SQLITE}{(folder / 'mlflow.db').resolve()}"


def is_new_registry(uri: str) -> bool:
    """Whether `uri` is a SQLite file that does not exist yet."""
    return uri.startswith(SQLITE) and not Path(uri.removeprefix(SQLITE)).exists()


def connect(uri: str) -> Any:
    """An MlflowClient for `uri`. A SQLite file that is not there is created: ask `is_new_registry` first."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient

    # After the import, which sets its own levels. Not even errors: MLflow logs them with their stack traces, and
    # `translated` tells them in a sentence.
    for logger in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    return MlflowClient(uri, uri)


def connect_impatiently(uri: str) -> Any:
    """As `connect`, for the whole process: a registry that does not answer is an error after four seconds."""
    for name, value in IMPATIENT.items():
        os.environ.setdefault(name, value)
    return connect(uri)


def ensure_experiment(client: Any, name: str, uri: str) -> str:
    """The experiment's id; a registry in a file keeps artifacts beside itself, never in the working directory."""
    known = client.get_experiment_by_name(name)
    if known is None:
        return _create_experiment(client, name, uri)
    if known.lifecycle_stage == "deleted":
        raise RegistryUnavailable(
            f'experiment "{name}" is deleted in the registry at {address(uri)}; restore it by '
            f"mlflow experiments restore -x {known.experiment_id}, or remove it for good by mlflow gc"
        )
    return str(known.experiment_id)


def _create_experiment(client: Any, name: str, uri: str) -> str:
    location = None
    if uri.startswith(SQLITE):
        location = str(Path(uri.removeprefix(SQLITE)).resolve().parent / "artifacts")
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except Exception as error:
        if not exists_already(error):
            raise
        return str(client.get_experiment_by_name(name).experiment_id)  # another process was faster


def tagged(tag: str, value: str) -> str:
    """The filter of a search for what has `tag` with `value`. Raises SpecInvalid for a value that MLflow cannot search."""
    if "'" in value:  # it knows no escape, and models are found by single quotes only
        raise SpecInvalid(f"MLflow cannot search for {value}, which has a quote in it; choose another name")
    return f"tags.`{tag}` = '{value}'"


def address(uri: str) -> str:
    """`uri` as it may be shown: without user and password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Whatever MLflow, its database or the network raises becomes RegistryUnavailable; all else passes through."""
    try:
        yield
    except Exception as error:
        if not _from_registry(error):
            raise
        raise RegistryUnavailable(_sentence(address(uri), error)) from error


def _sentence(registry: str, error: Exception) -> str:
    words = re.sub(r"//[^/@\s]*@", "//", " ".join(str(error).split()))[:200]
    cause = f"({type(error).__name__}: {words})"
    if isinstance(error, ImportError):
        return f"the registry at {registry} needs a library that is not installed here {cause}; install it"
    if _disk_full(error):
        return f"the registry at {registry} has no space left for its files {cause}; free some, then try again"
    if _unauthorised(error):
        return (
            f"the registry at {registry} does not let us in {cause}; set MLFLOW_TRACKING_TOKEN, or "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, to a user who may write there"
        )
    if getattr(error, "error_code", "") in REFUSALS:
        return f"the registry at {registry} refused what was asked of it {cause}; read its log"
    return f"the registry at {registry} did not answer {cause}; start it or correct its address"


def _disk_full(error: Exception) -> bool:
    """Told by the text too: copying a folder, SQLite and a server keep no error number."""
    words = str(error).lower()
    return (
        getattr(error, "errno", None) == errno.ENOSPC or "no space left on device" in words or "disk is full" in words
    )


def _unauthorised(error: Exception) -> bool:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status in (401, 403) or getattr(error, "error_code", "") in ("UNAUTHENTICATED", "PERMISSION_DENIED")


def _from_registry(error: Exception) -> bool:
    """Told by the modules of its classes: these libraries are not all installed, and slow to import."""
    roots = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError | ImportError) or not roots.isdisjoint(
        ("mlflow", "sqlalchemy", "requests", "sqlite3", "boto3", "botocore")
    )


def not_found(error: Exception) -> bool:
    """Whether MLflow answered that there is no such thing."""
    return getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def exists_already(error: Exception) -> bool:
    """Whether MLflow answered that there is one of that name."""
    return getattr(error, "error_code", "") == "RESOURCE_ALREADY_EXISTS"
