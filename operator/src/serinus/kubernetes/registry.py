"""The model registry of a cluster: models by address need none, all others are asked of MLflow (port ModelRegistry)."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from serinus.adapters.mlflow_artifacts import ArtifactsElsewhere
from serinus.core.errors import RegistryUnavailable
from serinus.core.revision import Artifact
from serinus.core.state import RolloutRecord
from serinus.kubernetes.api import Fence
from serinus.ports import ModelRegistry, Quarantine

T = TypeVar("T")


class ClusterRegistry:
    """Answers for addresses itself; their content is fetched by KServe and never seen here.

    So the digest is that of the address, and a model that changes under its address is not noticed.
    `asked` is told of every question that goes to the registry, and of how it ended: ok, or the error's name. Nothing is
    written there by a process that does not lead (any more): the `fence` raises then.
    """

    def __init__(
        self, registry: ModelRegistry | None, fence: Fence, asked: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        self._registry = registry
        self._fence = fence
        self._asked = asked

    async def resolve(self, model: str, *, version: str = "", alias: str = "", uri: str = "") -> Artifact:
        """See the port."""
        if uri and not version and not alias:
            located = ArtifactsElsewhere().of_uri(uri)
            return Artifact(model=model, uri=located.uri, digest=located.digest)
        known = self._known()
        return await self._counted("resolve", known.resolve(model, version=version, alias=alias, uri=uri))

    async def alias_version(self, model: str, alias: str) -> str | None:
        """See the port."""
        return await self._counted("alias_version", self._known().alias_version(model, alias))

    async def move_alias(self, model: str, alias: str, version: str, owner: str) -> None:
        """See the port. Raises NotLeading."""
        self._fence.check()
        await self._counted("move_alias", self._known().move_alias(model, alias, version, owner))

    async def record_rollout(self, owner: str, record: RolloutRecord, *, quarantine: Quarantine | None = None) -> None:
        """See the port. Raises NotLeading."""
        self._fence.check()
        await self._counted("record_rollout", self._known().record_rollout(owner, record, quarantine=quarantine))

    def _known(self) -> ModelRegistry:
        if self._registry is None:
            raise RegistryUnavailable(
                "the operator knows no model registry; start it with --registry-uri, or give the model by spec.model.uri"
            )
        return self._registry

    async def _counted(self, what: str, question: Awaitable[T]) -> T:
        result = "ok"
        try:
            return await question
        except Exception as error:
            result = type(error).__name__
            raise
        finally:
            self._asked(what, result)
