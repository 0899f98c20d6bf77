"""What the serving backend remembers on disk, so that the next run goes on where this one was ended."""

from pathlib import Path

from pydantic import Field, ValidationError

from serinus.core.errors import ServingUnavailable
from serinus.core.model import Frozen
from serinus.core.plan import ServingPlan
from serinus.core.revision import Revision
from serinus.local.process import Process, ProcessRecord


class ReplicaRecord(Frozen):
    """One predictor process. `ready`: it has answered and is listed in the gateway. `told`: as in Launch."""

    number: int
    port: int
    process: ProcessRecord | None = None
    ready: bool = False
    told: tuple[str, ...] = ()


class RevisionRecord(Frozen):
    """One revision that runs. `since_ms`: when it was brought up; `restarts`: process deaths since then."""

    revision: Revision
    since_ms: int
    restarts: int = 0
    replicas: tuple[ReplicaRecord, ...] = ()

    def lives(self) -> bool:
        """Whether any of its processes runs."""
        return any(replica.process and Process.find(replica.process) for replica in self.replicas)


class DeploymentRecord(Frozen):
    """One deployment: the plan that was applied last, and the weights and the mirror that the gateway was given last."""

    namespace: str
    name: str
    plan: ServingPlan
    weights: dict[str, int]
    mirror: dict[str, int] = Field(default_factory=dict)
    revisions: tuple[RevisionRecord, ...] = ()


class ServingRecord(Frozen):
    """Everything the backend runs."""

    deployments: tuple[DeploymentRecord, ...] = ()

    def pids(self) -> set[int]:
        """The processes it tells of, living or not."""
        return {
            replica.process.pid
            for deployment in self.deployments
            for revision in deployment.revisions
            for replica in revision.replicas
            if replica.process
        }


def read_serving_record(path: Path) -> ServingRecord:
    """What the last run left; empty if there was none. Raises ServingUnavailable if the file is damaged."""
    try:
        return ServingRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ServingRecord()
    except (OSError, ValidationError) as error:
        reason = str(error).splitlines()[0]
        raise ServingUnavailable(
            f"{path} cannot be read ({reason}); move it away to begin anew: what it tells of is then ended"
        ) from error
