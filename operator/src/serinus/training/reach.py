"""Whether a pipeline in a cluster can reach what a training file names, and keeps its secrets."""

from urllib.parse import urlsplit

from serinus.adapters.mlflow_client import address
from serinus.core.errors import SpecInvalid
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource, Source, SqlSource

SECRET = "the secret serinus-pipeline"


def refuse_out_of_reach(config: TrainingConfig, registry_uri: str, snapshot_root: str = "") -> None:
    """Raise SpecInvalid for what only this machine has, and for a password that a run's parameters would show."""
    _refuse_source("source", config.source)
    if config.gates.golden:
        _refuse_source("gates.golden.source", config.gates.golden.source)
    _refuse_registry(registry_uri)
    if snapshot_root and "://" not in snapshot_root:
        raise SpecInvalid(
            f'snapshots in "{snapshot_root}" would be gone with the step\'s pod; name an address, as in s3://BUCKET/PREFIX'
        )
    if config.table.max_row_change is not None and not snapshot_root:
        raise SpecInvalid(
            "schema.maxRowChange compares with the last good snapshot, and nothing remembers one; "
            "name an address for snapshots by --snapshots, as in s3://BUCKET/PREFIX, or remove it"
        )


def _refuse_source(field: str, source: Source) -> None:
    if isinstance(source, FileSource | PredictionLogSource) and "://" not in source.path:
        raise SpecInvalid(
            f"{field} reads {source.path}, and a pipeline in a cluster cannot read a file of this machine; "
            "put it on s3://, gs://, https:// or into a database"
        )
    if isinstance(source, SqlSource):
        _refuse_database(field, source.url)


def _refuse_database(field: str, url: str) -> None:
    if urlsplit(url).scheme.startswith("sqlite"):
        raise SpecInvalid(
            f"{field} reads a SQLite file, and a pipeline in a cluster cannot read a file of this machine; name a server"
        )
    password = urlsplit(url).password
    if password and not password.startswith("${"):
        raise SpecInvalid(
            f"{field} has a password that everybody would read in the run's parameters; "
            f"write ${{DATABASE_PASSWORD}} in its place and put the password into {SECRET}"
        )


def _refuse_registry(uri: str) -> None:
    if not uri:
        raise SpecInvalid(
            "no registry is named, and a pipeline in a cluster cannot use one of this machine; "
            "give an MLflow server by --registry, MLFLOW_TRACKING_URI or registry.uri"
        )
    if urlsplit(uri).scheme not in ("http", "https"):
        raise SpecInvalid(
            f"a pipeline in a cluster cannot reach the registry {address(uri)} of this machine; "
            "give an MLflow server by --registry, as in http://mlflow.mlflow:5000"
        )
    if urlsplit(uri).password:
        raise SpecInvalid(
            f"the registry's address {address(uri)} has a password that everybody would read in the run's parameters; "
            f"put it into {SECRET} as MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
