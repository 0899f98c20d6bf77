"""The ModelDeployments in a state folder of `serinus run`."""

from pathlib import Path

from pydantic import ValidationError

from serinus.cli.homes.home import Found, NotThere
from serinus.core.errors import StateUnreadable
from serinus.core.observation import Verb
from serinus.core.state import RolloutRecord
from serinus.core.status import object_of
from serinus.local.folder import StateFolder
from serinus.local.mailbox import leave_request, pick_up_request
from serinus.local.reading import Deployed, DeploymentNotFound, read_all, read_named, read_one
from serinus.ports import Key


class FolderHome:
    """One state folder (port Home); `namespace` narrows it."""

    poll_seconds = 0.1

    def __init__(self, root: Path, namespace: str = "", *, default: bool = False) -> None:
        self._folder = StateFolder(root)
        self._namespace = namespace
        self._default = default

    @property
    def label(self) -> str:
        """See the port."""
        return f"folder {self._folder.root}"

    def has(self, name: str) -> bool:
        """Whether a deployment of that name is here; of any name where it is empty."""
        return any(not name or name in (key.name, str(key)) for key in self._folder.deployments())

    def find(self, name: str) -> Found:
        """See the port. Raises NotThere, StateUnreadable."""
        wanted = f"{self._namespace}/{name}" if self._namespace and "/" not in name else name
        try:
            return self._found(read_named(self._folder, wanted))
        except DeploymentNotFound as error:
            raise NotThere(str(error)) from error

    def read(self, key: Key) -> Found:
        """See the port. Raises NotThere, StateUnreadable."""
        try:
            return self._found(read_one(self._folder, key))
        except DeploymentNotFound as error:
            raise NotThere(str(error)) from error

    def all(self) -> tuple[Found, ...]:
        """See the port. Raises StateUnreadable."""
        found = tuple(self._found(one) for one in read_all(self._folder))
        return tuple(one for one in found if self._namespace in ("", one.key.namespace))

    def ask(self, key: Key, verb: Verb, rollout_id: str, reason: str = "") -> str:
        """See the port."""
        return leave_request(self._folder, key, verb, rollout_id, reason).nonce

    def records(self, found: Found) -> tuple[RolloutRecord, ...]:
        """Every rollout that ever finished here. Raises StateUnreadable."""
        records = [_record(path) for path in self._folder.rollouts(found.key).glob("*.json")]
        return tuple(sorted(records, key=lambda record: record.started_at))

    def command(self, words: str, key: Key) -> str:
        """See the port."""
        where = "" if self._default else f" --state-dir {self._folder.root}"
        several = sum(other.name == key.name for other in self._folder.deployments()) > 1
        return f"serinus {words} {key if several else key.name}{where}"

    def nobody_works(self) -> str:
        """See the port."""
        if self._folder.is_worked_on():
            return ""
        return f"no runtime works on {self._folder.root}"

    def _found(self, one: Deployed) -> Found:
        action = pick_up_request(self._folder, one.key)
        return Found(
            key=one.key,
            manifest=object_of(one.deployment, one.state),
            state=one.state,
            spec=one.deployment.spec,
            asked=action.nonce if action else "",
        )


def _record(path: Path) -> RolloutRecord:
    try:
        return RolloutRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise StateUnreadable(f"{path} cannot be read ({first}); move it away to see the other rollouts") from error
