"""Every error Serinus raises on purpose. A leaf says by `retriable` whether asking again can help."""

from typing import ClassVar


class SerinusError(Exception):
    """Root of the tree. The message is one sentence that says what happened, to what, and what to do."""

    retriable: ClassVar[bool] = False


class SpecInvalid(SerinusError):
    """A ModelDeployment or training file breaks a rule of its schema."""


class NotSupportedYet(SerinusError):
    """The spec asks for something that is designed but not built; it is refused rather than ignored."""


class RegistryUnavailable(SerinusError):
    """The model registry did not answer."""

    retriable = True


class ModelVersionNotFound(SerinusError):
    """The registry answered: it has no such model, version or alias."""

    retriable = True


class AliasConflict(SerinusError):
    """The alias belongs to another owner, or a person moved it; it is never overwritten."""


class ArtifactCorrupted(SerinusError):
    """The artifact's digest is not the one that was registered."""


class ArtifactOutOfReach(SerinusError):
    """The artifact lies where what is to serve it cannot fetch it."""


class MetricsUnavailable(SerinusError):
    """The metrics source could not be asked. This is never evidence for or against a model."""

    retriable = True


class QualityUnavailable(SerinusError):
    """The collector could not be asked. This is never evidence for or against a model."""

    retriable = True


class QueryInvalid(SerinusError):
    """A PromQL expression that Prometheus does not understand, or that does not answer one number."""


class ServingUnavailable(SerinusError):
    """The serving backend could not be observed or changed."""

    retriable = True


class PortInUse(SerinusError):
    """A port that was asked for is taken by another process."""


class StateConflict(SerinusError):
    """The stored state is newer than the one this reconcile started from; start again from the stored one."""

    retriable = True


class StateUnreadable(SerinusError):
    """The stored state cannot be read; it is never overwritten."""


class StateUnwritable(SerinusError):
    """The state could not be written (a full disk, a read-only folder). The former state is intact."""

    retriable = True


class StateLocked(SerinusError):
    """Another runtime works on the same state folder."""


class DataInvalid(SerinusError):
    """Training data breaks the declared schema, or there is too little of it."""


class TrainingFailed(SerinusError):
    """A pipeline step failed; the message names the step and its cause."""


class PipelinesUnavailable(SerinusError):
    """What runs pipelines did not answer, or takes no more runs for now."""

    retriable = True


class PipelinesRefused(SerinusError):
    """What runs pipelines answered no: who asks is not allowed to, or it speaks another language."""


class TrainingUnavailable(SerinusError):
    """The training file of a retraining could not be asked for."""

    retriable = True


class PipelineRunNotFound(SerinusError):
    """There is no such run of a pipeline."""
