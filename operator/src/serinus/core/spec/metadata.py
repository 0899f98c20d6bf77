"""Name, labels and annotations of a ModelDeployment."""

from typing import Annotated

from pydantic import ConfigDict, Field

from serinus.core.model import Frozen
from serinus.core.spec.fields import Name, matching

# KServe labels pods with app=isvc.<name>-<revision>-transformer, and a label's value holds 63 characters.
MAX_NAME = 35
ObjectName = Annotated[
    str, *matching("[a-z]([-a-z0-9]*[a-z0-9])?", MAX_NAME, "use small letters, digits and dashes, as in flight-delay")
]
LabelValue = Annotated[
    str, *matching("([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", 63, "use letters, digits, dashes, dots and _")
]
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]


class Metadata(Frozen):
    """The metadata Serinus reads. What else a Kubernetes object carries there (uid, managedFields) is left alone."""

    model_config = ConfigDict(extra="ignore")

    name: ObjectName = Field(description="Name of the deployment: small letters, digits and dashes.")
    namespace: Name = Field(default="default", description="Namespace of the deployment.")
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict, description="Labels, for selecting.")
    annotations: dict[LabelKey, str] = Field(default_factory=dict, description="Annotations, for tools.")
