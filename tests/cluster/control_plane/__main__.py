"""`python -m tests.cluster.control_plane up|down|status|kubeconfig|exec`."""

import sys
import time
from typing import Annotated

import typer

from tests.cluster.control_plane import builds
from tests.cluster.control_plane import cluster as clusters
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.control_plane.errors import ClusterError
from tests.cluster.control_plane.kserve import DOMAIN

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Name = Annotated[str, typer.Option(help="Name of the cluster; clusters of different names run side by side.")]
MEBIBYTE = 1 << 20


@app.command()
def up(
    name: Name = "dev",
    bare: Annotated[bool, typer.Option("--bare", help="Without KServe and a gateway; up in half the time.")] = False,
    knative: Annotated[bool, typer.Option("--knative", help="With Knative Serving and its controllers.")] = False,
    fake_nodes: Annotated[int, typer.Option(help="Nodes whose pods are only told to run.")] = 2,
    keep: Annotated[bool, typer.Option("--keep", help="Leave a cluster whose start fails, to look at it.")] = False,
) -> None:
    """Build what is missing, start a cluster and print its kubeconfig."""
    started = time.monotonic()
    cluster = clusters.up(name, serving=not bare, knative=knative, fake_nodes=fake_nodes, keep=keep)
    print(f"The cluster {name} is up after {time.monotonic() - started:.0f} s. Use it with:")
    print(f"  export KUBECONFIG={cluster.kubeconfig}")
    if not bare:
        print(f"The gateway is at {cluster.gateway_url}; say by the Host header which service is meant:")
        print(f"  curl -H 'Host: NAME-NAMESPACE.{DOMAIN}' {cluster.gateway_url}/v1/models/NAME")


@app.command()
def build() -> None:
    """Build every program that a cluster and its tests use, once."""
    builds.build((*builds.STANDARD, *builds.KNATIVE, *builds.TOOLS))


@app.command()
def down(name: Name = "dev") -> None:
    """Stop a cluster and remove its files."""
    clusters.down(name)


@app.command()
def status(name: Name = "dev") -> None:
    """Say what runs, and how much memory it takes."""
    rows = Cluster.named(name).status()
    for record, runs, memory in rows:
        print(f"{record.name:60} {record.pid:>8} {memory // MEBIBYTE:>6} MiB" if runs else f"{record.name}: has ended")
    print(f"{'together':60} {'':8} {sum(memory for *_, memory in rows) // MEBIBYTE:>6} MiB")


@app.command()
def kubeconfig(name: Name = "dev") -> None:
    """Print the path of the kubeconfig."""
    cluster = Cluster.named(name)
    if cluster.facts:
        print(cluster.kubeconfig)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def exec(context: typer.Context, name: Name = "dev") -> None:  # noqa: A001
    """Run a command inside of the cluster's network: exec -- COMMAND ARGUMENTS."""
    raise SystemExit(Cluster.named(name).exec(context.args))


def main() -> None:
    """Errors that a person can act on are told in a sentence."""
    try:
        app()
    except ClusterError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
