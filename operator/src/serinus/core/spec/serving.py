"""How revisions are served."""

import json
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from serinus.core.model import Frozen
from serinus.core.spec.duration import Duration
from serinus.core.spec.fields import Flag, Hostname, Name, Quantity, refusal

MAX_REPLICAS = 1000
# What makes another revision when it changes. Everything else in Serving can change under a running revision.
REVISION_FIELDS = frozenset({"runtime", "format", "protocol", "resources", "template"})


class ServingMode(StrEnum):
    """Which kind of KServe deployment serves the model."""

    AUTO = "Auto"
    KNATIVE = "Knative"
    STANDARD = "Standard"


def _plain_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it is not plain JSON ({error}); use texts, finite numbers, lists and maps") from None
    return value


MAX_RESOURCES = 8

Replicas = Annotated[int, Field(strict=True, ge=0, le=MAX_REPLICAS)]
Template = Annotated[dict[str, Any], AfterValidator(_plain_json)]


class Resources(Frozen):
    """Compute resources of one replica, as in a Kubernetes container."""

    requests: dict[str, Quantity] = Field(
        default_factory=dict, max_length=MAX_RESOURCES, description="What is reserved, as in cpu: 500m."
    )
    limits: dict[str, Quantity] = Field(
        default_factory=dict, max_length=MAX_RESOURCES, description="What is never exceeded, as in memory: 1Gi."
    )


class Gateway(Frozen):
    """A Gateway of the Kubernetes Gateway API."""

    name: Name = Field(description="Name of the Gateway.")
    namespace: Name | None = Field(default=None, description="Its namespace; the deployment's own by default.")


class Serving(Frozen):
    """Runtime, scale and route of a deployment."""

    mode: ServingMode = Field(
        default=ServingMode.AUTO, description="Kind of KServe deployment; Auto takes what the cluster offers."
    )
    runtime: Name = Field(default="serinus", description="The model server: serinus, or a KServe ServingRuntime.")
    format: Name | None = Field(
        default=None, description="Model format the runtime is chosen by, as in sklearn; the runtime's own by default."
    )
    protocol: Literal["v1", "v2"] = Field(default="v2", description="Version of the inference protocol clients speak.")
    min_replicas: Replicas = Field(
        default=1, description="Fewest replicas of each revision; 0 lets an idle revision scale to zero."
    )
    max_replicas: Replicas | None = Field(
        default=None, description="Most replicas of each revision; the same as minReplicas by default."
    )
    resources: Resources | None = Field(default=None, description="Compute resources of one replica.")
    gateway: Gateway | None = Field(default=None, description="Gateway that the route is attached to in Standard mode.")
    hostname: Hostname | None = Field(default=None, description="Host name that clients call.")
    template: Template = Field(
        default_factory=dict,
        description="Merged over the InferenceService (predictor, transformer, explainer, annotations).",
    )
    adopt: Flag = Field(
        default=False, description="Take over serving objects of the same name that Serinus did not create."
    )
    keep_warm: Duration = Field(
        default=timedelta(minutes=10),
        description="How long the former stable revision keeps running after a promotion, so that going back is fast.",
    )
    diagnostics_ttl: Duration = Field(
        default=timedelta(minutes=10),
        alias="diagnosticsTTL",
        description="How long the pods of a rejected revision are kept, without traffic, to be looked at. "
        "On one machine its log is kept instead.",
    )

    @model_validator(mode="after")
    def _scale_has_room(self) -> Self:
        if self.max_replicas is None:
            return self
        if self.max_replicas < max(1, self.min_replicas):
            raise refusal(
                "maxReplicas is less than minReplicas or 1, the fewest that must run; raise it, or lower minReplicas",
                "maxReplicas",
            )
        return self

    @model_validator(mode="after")
    def _only_knative_scales_to_zero(self) -> Self:
        if self.min_replicas == 0 and self.mode is ServingMode.STANDARD:
            raise refusal(
                "minReplicas 0 needs Knative, which wakes a model on request; use mode Knative or minReplicas 1",
                "minReplicas",
            )
        return self

    def revision_template(self) -> dict[str, Any]:
        """What belongs to a revision's identity: no scale, route or mode, and nothing that was left out.

        What is absent or empty is not written, so that a field added in a later release does not change existing
        revisions. The template is kept as it is: there an empty map can have a meaning.
        """
        content = self.model_dump(mode="json", by_alias=True, include=set(REVISION_FIELDS), exclude_none=True)
        if self.resources is not None:
            content["resources"] = self.resources.model_dump(mode="json", exclude_defaults=True)
        return {name: value for name, value in content.items() if value != {}}
