"""What the node asks the API server for."""

from pathlib import Path
from typing import Any, TypeVar

import httpx2
from lightkube import AsyncClient, KubeConfig
from lightkube.core.exceptions import ApiError
from lightkube.models.authentication_v1 import TokenRequest, TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret, ServiceAccountToken

TOKEN_SECONDS = 24 * 3600
T = TypeVar("T")


class ConfigurationMissing(Exception):
    """A pod refers to an object or a key that is not there (yet); the message says which."""


class Api:
    """Reads what pods refer to."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client

    @classmethod
    def of(cls, kubeconfig: Path) -> "Api":
        """As the user of a kubeconfig; no proxy of the environment is used."""
        config = KubeConfig.from_file(kubeconfig).get()
        return cls(AsyncClient(config=config, trust_env=False, timeout=httpx2.Timeout(10), field_manager="kubelet"))

    async def config_map(self, namespace: str, name: str) -> dict[str, bytes] | None:
        """The contents of a ConfigMap, or None."""
        found = await self._get(ConfigMap, name, namespace)
        return None if found is None else {key: text.encode() for key, text in (found.data or {}).items()}

    async def secret(self, namespace: str, name: str) -> dict[str, bytes] | None:
        """The contents of a Secret, or None."""
        import base64

        found = await self._get(Secret, name, namespace)
        return None if found is None else {key: base64.b64decode(text) for key, text in (found.data or {}).items()}

    async def token(self, namespace: str, account: str, audience: str | None) -> str:
        """A token of a service account. Raises ConfigurationMissing."""
        spec = TokenRequestSpec(audiences=[audience] if audience else [], expirationSeconds=TOKEN_SECONDS)
        request = ServiceAccountToken(metadata=ObjectMeta(namespace=namespace), spec=spec)
        try:
            made: TokenRequest = await self.client.create(request, account, namespace=namespace)
        except ApiError as error:
            raise ConfigurationMissing(f'service account "{account}" gives no token: {error.status.message}') from None
        if made.status is None or made.status.token is None:
            raise ConfigurationMissing(f'service account "{account}" gives no token')
        return made.status.token

    async def claimed_folder(self, namespace: str, claim: str) -> Path:
        """The folder of this machine behind a PersistentVolumeClaim. Raises ConfigurationMissing."""
        found = await self._get(PersistentVolumeClaim, claim, namespace)
        if found is None or not found.spec.volumeName:
            raise ConfigurationMissing(f'persistentvolumeclaim "{claim}" is not bound')
        volume = await self._get(PersistentVolume, found.spec.volumeName, None)
        if volume is None or volume.spec.hostPath is None:
            raise ConfigurationMissing(f'persistentvolumeclaim "{claim}": only volumes of type hostPath can be mounted')
        return Path(volume.spec.hostPath.path)

    async def _get(self, kind: type[Any], name: str, namespace: str | None) -> Any | None:
        try:
            return await self.client.get(kind, name, **({"namespace": namespace} if namespace else {}))
        except ApiError as error:
            if error.status.code == httpx2.codes.NOT_FOUND:
                return None
            raise
