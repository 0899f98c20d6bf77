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

# Where a ModelDeployment is: a state folder of `serinus run`, or a cluster.
Name = Annotated[str, typer.Argument(help="Deployment, as name or namespace/name.")]
HomeStateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        envvar="SERINUS_STATE_DIR",
        help="State folder of `serinus run`; .serinus by default if it has the deployment and no cluster is named.",
    ),
]
Namespace = Annotated[
    str, typer.Option("-n", "--namespace", help="Namespace in the cluster; that of the context by default.")
]
AllNamespaces = Annotated[bool, typer.Option("-A", "--all-namespaces", help="All namespaces of the cluster.")]
Context = Annotated[str, typer.Option("--context", help="Context of the kubeconfig; its current one by default.")]
Kubeconfig = Annotated[
    str, typer.Option("--kubeconfig", help="Kubeconfig; by default KUBECONFIG, ~/.kube/config, or that of the pod.")
]
