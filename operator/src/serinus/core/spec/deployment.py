"""The ModelDeployment: one model, how it is served, how a new version of it is released."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, model_validator

from serinus.core.model import Frozen
from serinus.core.spec.metadata import Metadata
from serinus.core.spec.monitoring import Monitoring
from serinus.core.spec.retraining import Retraining
from serinus.core.spec.rollout import RolloutPolicy
from serinus.core.spec.serving import Serving
from serinus.core.spec.source import ModelSource

API_VERSION: Literal["serinus.dev/v1alpha1"] = "serinus.dev/v1alpha1"
KIND: Literal["ModelDeployment"] = "ModelDeployment"


class DeletionPolicy(StrEnum):
    """What happens to the serving objects when the deployment is deleted."""

    DELETE = "Delete"
    ORPHAN = "Orphan"


class ModelDeploymentSpec(Frozen):
    """A model, how it is served, and how its versions are released, watched and trained."""

    model: ModelSource = Field(description="Which model version to serve.")
    serving: Serving = Field(default_factory=Serving, description="How it is served.")
    rollout: RolloutPolicy = Field(default_factory=RolloutPolicy, description="How a new version is released.")
    monitoring: Monitoring | None = Field(default=None, description="What is watched afterwards.")
    retraining: Retraining | None = Field(default=None, description="When the next version is trained.")
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.DELETE,
        description="What happens to the serving objects when the deployment is deleted; Orphan leaves them.",
    )


class ModelDeployment(Frozen):
    """A model and the way its versions are released. A status, as kubectl prints it, is accepted and not read."""

    api_version: Literal["serinus.dev/v1alpha1"] = Field(default=API_VERSION, description="Version of this schema.")
    kind: Literal["ModelDeployment"] = Field(default=KIND, description="Kind of the object.")
    metadata: Metadata = Field(description="Name, namespace, labels and annotations.")
    spec: ModelDeploymentSpec = Field(description="What is asked for.")

    @model_validator(mode="before")
    @classmethod
    def _without_status(cls, value: Any) -> Any:
        return {name: item for name, item in value.items() if name != "status"} if isinstance(value, dict) else value
