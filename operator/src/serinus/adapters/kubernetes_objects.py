"""Kubernetes objects as the serving adapters see them: read from what watches have filled, written with preconditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Protocol

from serinus.core.spec import ModelDeployment
from serinus.ports import Key

Manifest = Mapping[str, Any]
FIELD_MANAGER: Final = "serinus"
# On every object that Serinus creates, beside the ownerReference.
DEPLOYMENT_LABEL: Final = "serinus.dev/deployment"
REVISION_LABEL: Final = "serinus.dev/revision"


@dataclass(frozen=True)
class Kind:
    """A namespaced kind of the API server."""

    group: str
    version: str
    kind: str
    plural: str

    @property
    def api_version(self) -> str:
        """As manifests write it."""
        return f"{self.group}/{self.version}" if self.group else self.version


MODEL_DEPLOYMENT: Final = Kind("serinus.dev", "v1alpha1", "ModelDeployment", "modeldeployments")
INFERENCE_SERVICE: Final = Kind("serving.kserve.io", "v1beta1", "InferenceService", "inferenceservices")
HTTP_ROUTE: Final = Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes")
GATEWAY: Final = Kind("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
GATEWAY_CLASS: Final = Kind("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses")  # in no namespace
POD: Final = Kind("", "v1", "Pod", "pods")


@dataclass(frozen=True)
class Owner:
    """The ModelDeployment an adapter works for: its spec, and the uid that ownerReferences need."""

    uid: str
    deployment: ModelDeployment


class KubernetesObjects(Protocol):
    """The part of the API server that belongs to ModelDeployments. Reads answer from a cache, without a request."""

    def owner(self, key: Key) -> Owner | None:
        """The ModelDeployment, or None if there is none (any more) or its spec is invalid."""
        ...

    def serves(self, kind: Kind) -> bool:
        """Whether the cluster has this kind (its CRD is installed)."""
        ...

    def ahead(self) -> timedelta:
        """How far the clock that dates the objects is ahead of ours; nothing where they differ by seconds."""
        ...

    def get(self, kind: Kind, namespace: str, name: str) -> Manifest | None:
        """One object as it was last seen, whoever made it."""
        ...

    def of(self, kind: Kind, key: Key) -> tuple[Manifest, ...]:
        """All objects that bear the deployment's label."""
        ...

    async def apply(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Server-side apply as FIELD_MANAGER, only if the object is still at the manifest's `metadata.resourceVersion`.

        A manifest without one is created, and must not exist yet.
        Raises StateConflict (it has changed, or exists), ServingUnavailable (refused or not reachable; says why).
        """
        ...

    async def delete(self, kind: Kind, manifest: Manifest) -> None:
        """Delete the object if it is still at the manifest's uid and resourceVersion; one that is gone already is fine.

        Raises StateConflict, ServingUnavailable.
        """
        ...
