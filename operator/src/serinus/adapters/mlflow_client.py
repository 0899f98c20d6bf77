"""What every use of MLflow shares: tag names, connecting without long waits, and its errors in our terms."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from serinus.core.errors import RegistryUnavailable

DIGEST_TAG = "serinus.dev/digest"
DATA_DIGEST_TAG = "serinus.dev/data-digest"
GIT_SHA_TAG = "serinus.dev/git-sha"
TRAINING_TAG = "serinus.dev/training-digest"
RUN_KEY_TAG = "serinus.dev/run-key"
ROLLOUT_TAG = "serinus.dev/rollout"
VERSION_TAG = "serinus.dev/model-version"
OWNER_TAG = "serinus.dev/owner."  # + alias, on the registered model
QUARANTINE_TAG = "serinus.dev/quarantine."  # + owner, on the version: the rollout that rejected it, and why
PROMOTED_TAG = "serinus.dev/promoted."  # + alias: the version we last pointed it at

SQLITE = "sqlite:///"
PROXIED = "mlflow-artifacts:"  # the scheme of artifacts that the server itself hands out
# MLflow's own defaults retry for two minutes; whoever asks again by himself wants to know at once.
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "4"}
QUIET = {"MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}


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
    if known is not None:
        return str(known.experiment_id)
    location = None
    if uri.startswith(SQLITE):
        location = str(Path(uri.removeprefix(SQLITE)).resolve().parent / "artifacts")
    return str(client.create_experiment(name, artifact_location=location))


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
        cause = re.sub(r"//[^/@\s]*@", "//", " ".join(str(error).split()))[:200]
        raise RegistryUnavailable(
            f"the registry at {address(uri)} did not answer ({type(error).__name__}: {cause}); "
            "start it or correct its address"
        ) from error


def _from_registry(error: Exception) -> bool:
    """Told by the modules of its classes: these libraries are not all installed, and slow to import."""
    roots = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    return isinstance(error, OSError | ImportError) or not roots.isdisjoint(
        ("mlflow", "sqlalchemy", "requests", "sqlite3")
    )


def not_found(error: Exception) -> bool:
    """Whether MLflow answered that there is no such thing."""
    return getattr(error, "error_code", "") in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
