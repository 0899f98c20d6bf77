"""The ModelDeployment file that a person or Git edits: read again whenever it changes, and the last good one is kept."""

from pathlib import Path

from serinus.core.errors import SerinusError
from serinus.core.spec import ModelDeployment
from serinus.lint import load_deployment
from serinus.ports import Key


class DeploymentFile:
    """Follows one file. `problem` is what is wrong with its present content, or empty."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()
        self.deployment = load_deployment(path)
        self.problem = ""

    @property
    def key(self) -> Key:
        """The deployment's namespace and name."""
        return Key(self.deployment.metadata.namespace, self.deployment.metadata.name)

    def changed(self) -> bool:
        """Whether the file is another one than was read last."""
        return self._stamp() != self._seen

    def refresh(self) -> None:
        """Read the file again if it changed."""
        if not self.changed():
            return
        self._seen = self._stamp()
        try:
            self._accept(load_deployment(self._path))
        except SerinusError as error:
            self.problem = f"{error}\n(the former content of {self._path} stays in force)"

    def _accept(self, deployment: ModelDeployment) -> None:
        new = Key(deployment.metadata.namespace, deployment.metadata.name)
        if new != self.key:
            self.problem = (
                f"{self._path} names {new} now, but this runtime serves {self.key}; put the name back, "
                f"or start another `serinus run` for {new} (the former content stays in force)"
            )
            return
        self.deployment, self.problem = deployment, ""

    def _stamp(self) -> tuple[int, int, int]:
        try:
            stat = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
