"""What the commands need of the place where a ModelDeployment lives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from serinus.core.errors import SerinusError
from serinus.core.observation import Problem, Verb
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.state import RolloutRecord, RolloutState
from serinus.ports import Key


class NotThere(SerinusError):
    """There is no such ModelDeployment."""


class HomeUnavailable(SerinusError):
    """The cluster does not answer at the moment."""

    retriable = True


class HomeRefused(SerinusError):
    """The cluster answers, and says no, or the person asked for something that cannot be."""


class NoCluster(HomeRefused):
    """Nothing says where a cluster is."""


@dataclass(frozen=True)
class Found:
    """A ModelDeployment with its state.

    `manifest` is what `-o yaml` prints. `spec` is None where this version cannot read it. `complaint`: what keeps it from
    being reconciled, said in place of the state's own reason. `asked` is the nonce of the latest request, answered or not.
    """

    key: Key
    manifest: Mapping[str, Any]
    state: RolloutState
    spec: ModelDeploymentSpec | None
    complaint: Problem | None = None
    asked: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether the state was read; where it was not, a complaint says why and the state is empty."""
        return self.complaint is None or self.state.sequence > 0

    @property
    def reason(self) -> str:
        """Why it is as it is, in a word."""
        return self.complaint.reason if self.complaint else self.state.reason

    @property
    def message(self) -> str:
        """Why it is as it is, in a sentence."""
        return self.complaint.message if self.complaint else self.state.message


class Home(Protocol):
    """A state folder, or a cluster. Everything raises NotThere, HomeUnavailable or HomeRefused, each with its sentence."""

    poll_seconds: float

    @property
    def label(self) -> str:
        """How people name it: `folder .serinus`, `cluster kind-kind`."""
        ...

    def find(self, name: str) -> Found:
        """The deployment `name` or `namespace/name`."""
        ...

    def read(self, key: Key) -> Found:
        """A deployment that was found before."""
        ...

    def all(self) -> tuple[Found, ...]:
        """Every deployment, by name."""
        ...

    def ask(self, key: Key, verb: Verb, rollout_id: str, reason: str = "") -> str:
        """Leave a request; its nonce. The rollout is the one that the person saw, `reason` what they say of it."""
        ...

    def records(self, found: Found) -> tuple[RolloutRecord, ...]:
        """The finished rollouts that are kept, oldest first."""
        ...

    def command(self, words: str, key: Key) -> str:
        """`serinus <words> NAME` with the options that lead back to this deployment."""
        ...

    def nobody_works(self) -> str:
        """What to do so that somebody carries out requests; empty where somebody does, or where it cannot be known."""
        ...
