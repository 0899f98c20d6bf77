"""The model registry of a cluster: models by address need none, all others are asked of MLflow (port ModelRegistry)."""

from serinus.adapters.mlflow_artifacts import ArtifactsElsewhere
from serinus.core.errors import RegistryUnavailable
from serinus.core.revision import Artifact
from serinus.core.state import RolloutRecord
from serinus.ports import ModelRegistry


class ClusterRegistry:
    """Answers for addresses itself; their content is fetched by KServe and never seen here.

    So the digest is that of the address, and a model that changes under its address is not noticed.
    """

    def __init__(self, registry: ModelRegistry | None) -> None:
        self._registry = registry

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        """See the port."""
        if uri and not version and not alias:
            located = ArtifactsElsewhere().of_uri(uri)
            return Artifact(model=model, uri=located.uri, digest=located.digest)
        return await self._asked().resolve(model, version=version, alias=alias, uri=uri)

    async def alias_version(self, model: str, alias: str) -> str | None:
        """See the port."""
        return await self._asked().alias_version(model, alias)

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        """See the port."""
        await self._asked().move_alias(model, alias, version, owner)

    async def record_rollout(self, owner: str, record: RolloutRecord) -> None:
        """See the port."""
        await self._asked().record_rollout(owner, record)

    def _asked(self) -> ModelRegistry:
        if self._registry is None:
            raise RegistryUnavailable(
                "the operator knows no model registry; start it with --registry-uri, or give the model by spec.model.uri"
            )
        return self._registry
