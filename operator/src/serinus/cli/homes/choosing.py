"""Which home a command is about: a state folder if one is named or has the deployment, else the cluster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from serinus.cli.homes.folder import FolderHome
from serinus.cli.homes.home import Home, HomeRefused, NoCluster, NotThere
from serinus.cli.options import DEFAULT_STATE_DIR

PLUGIN: Final = "kubectl serinus"


class NothingAnywhere(NotThere):
    """There is neither a deployment on this machine nor a cluster."""


@dataclass(frozen=True)
class Asked:
    """What the command line says about the home. `program` is how the command was called."""

    state_dir: Path | None = None
    namespace: str = ""
    context: str = ""
    kubeconfig: str = ""
    everywhere: bool = False
    program: str = "serinus"

    @property
    def names_cluster(self) -> bool:
        """Whether the person means a cluster, whatever folder is here."""
        named = self.namespace or self.context or self.kubeconfig or self.everywhere
        return bool(named) or self.program == PLUGIN


def home_of(asked: Asked, name: str = "") -> Home:
    """The home that has the deployment, or any where no name is given. Raises NotThere, HomeRefused."""
    if asked.state_dir is not None:
        _refuse_both(asked)
        return FolderHome(asked.state_dir, asked.namespace)
    here = FolderHome(DEFAULT_STATE_DIR, default=True)
    if not asked.names_cluster and here.has(name):
        return here
    try:
        return _cluster(asked)
    except NoCluster as error:
        if asked.names_cluster:
            raise
        if here.has(""):
            here.find(name)  # says what there is instead
        raise NothingAnywhere(
            f"no deployment{f' {name}' if name else 's'} in {DEFAULT_STATE_DIR} (start one: serinus run -f "
            f"modeldeployment.yaml), and no cluster to look in: {error}"
        ) from error


def _cluster(asked: Asked) -> Home:
    try:
        from serinus.cli.homes.api import PersonApi
        from serinus.cli.homes.cluster import ClusterHome
        from serinus.cli.homes.kubeconfig import chosen
    except ModuleNotFoundError as error:
        raise NoCluster(
            f"{error.name} is not installed; get what clusters need: pip install 'serinus[operator]'"
        ) from error

    named = {"--context": asked.context, "--kubeconfig": asked.kubeconfig}
    arguments = " ".join(f"{option} {value}" for option, value in named.items() if value)
    api = PersonApi(chosen(asked.kubeconfig, asked.context))
    return ClusterHome(api, asked.namespace, arguments, asked.program, everywhere=asked.everywhere)


def _refuse_both(asked: Asked) -> None:
    if asked.context or asked.kubeconfig:
        raise HomeRefused("--state-dir names a folder, --context and --kubeconfig a cluster; give one or the other")
