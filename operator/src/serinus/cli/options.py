"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

StateDir = Annotated[
    Path, typer.Option("--state-dir", envvar="SERINUS_STATE_DIR", help="Folder that keeps state, registry and logs.")
]
Registry = Annotated[
    str,
    typer.Option(
        "--registry", envvar="MLFLOW_TRACKING_URI", help="MLflow registry; SQLite in the state folder by default."
    ),
]
DEFAULT_STATE_DIR = Path(".serinus")
