"""The volumes of a pod, as folders of this machine."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from lightkube.models.core_v1 import Container, KeyToPath, Volume, VolumeProjection
from lightkube.resources.core_v1 import Pod

from tests.cluster.control_plane.node.api import Api, ConfigurationMissing
from tests.cluster.control_plane.node.environment import expand, field_of
from tests.cluster.control_plane.node.filesystem import Mount

FOLDER_MODE = 0o777
FILE_MODE = 0o644
Contents = dict[str, bytes]


class Volumes:
    """Makes the volumes of one pod in `folder`."""

    def __init__(self, folder: Path, pod: Pod, address: str, api: Api) -> None:
        assert pod.spec is not None
        assert pod.metadata is not None
        self._folder, self._pod, self._address, self._api = folder, pod, address, api
        self._spec, self._namespace = pod.spec, pod.metadata.namespace or "default"
        self._sources: dict[str, Path] = {}

    async def make(self) -> None:
        """Make all of them. Raises ConfigurationMissing; may be called again."""
        for volume in self._spec.volumes or ():
            self._sources[volume.name] = await self._make(volume)

    def mounts(self, container: Container, environment: Mapping[str, str]) -> list[Mount]:
        """What of them a container sees, and where."""
        mounts = []
        for mount in container.volumeMounts or ():
            part = expand(mount.subPathExpr, environment) if mount.subPathExpr else mount.subPath or ""
            source = self._sources[mount.name] / part
            if not source.exists():
                source.mkdir(parents=True, mode=FOLDER_MODE)
            mounts.append(Mount(source, mount.mountPath, bool(mount.readOnly)))
        return mounts

    async def _make(self, volume: Volume) -> Path:
        if volume.hostPath:
            return Path(volume.hostPath.path)
        if volume.persistentVolumeClaim:
            return await self._api.claimed_folder(self._namespace, volume.persistentVolumeClaim.claimName)
        folder = self._folder / volume.name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)
        if volume.emptyDir is None:
            _write(folder, await self._contents(volume))
        return folder

    async def _contents(self, volume: Volume) -> Contents:
        if one := volume.configMap:
            return await self._config_map(one.name or "", one.items, optional=one.optional)
        if secret := volume.secret:
            return await self._secret(secret.secretName or "", secret.items, optional=secret.optional)
        if volume.downwardAPI:
            items = volume.downwardAPI.items or ()
            return {item.path: self._field(item.fieldRef.fieldPath) for item in items if item.fieldRef}
        if volume.projected:
            contents: Contents = {}
            for source in volume.projected.sources or ():
                contents |= await self._projected(source)
            return contents
        raise ConfigurationMissing(f'volume "{volume.name}" is of a type that this node cannot mount')

    async def _projected(self, source: VolumeProjection) -> Contents:
        if token := source.serviceAccountToken:
            account = self._spec.serviceAccountName or "default"
            text = await self._api.token(self._namespace, account, token.audience)
            return {token.path: text.encode()}
        if one := source.configMap:
            return await self._config_map(one.name or "", one.items, optional=one.optional)
        if secret := source.secret:
            return await self._secret(secret.name or "", secret.items, optional=secret.optional)
        items = (source.downwardAPI.items if source.downwardAPI else None) or ()
        return {item.path: self._field(item.fieldRef.fieldPath) for item in items if item.fieldRef}

    async def _config_map(self, name: str, items: list[KeyToPath] | None, *, optional: bool | None) -> Contents:
        found = await self._api.config_map(self._namespace, name)
        return _chosen(found, items, f'configmap "{name}"', optional=bool(optional))

    async def _secret(self, name: str, items: list[KeyToPath] | None, *, optional: bool | None) -> Contents:
        found = await self._api.secret(self._namespace, name)
        return _chosen(found, items, f'secret "{name}"', optional=bool(optional))

    def _field(self, path: str) -> bytes:
        return field_of(self._pod, path, self._address).encode()


def _chosen(found: Contents | None, items: list[KeyToPath] | None, what: str, *, optional: bool) -> Contents:
    if found is None:
        if optional:
            return {}
        raise ConfigurationMissing(f"{what} not found")
    if not items:
        return found
    if missing := [item.key for item in items if item.key not in found]:
        raise ConfigurationMissing(f"{what} has no key {', '.join(missing)}")
    return {item.path: found[item.key] for item in items}


def _write(folder: Path, contents: Contents) -> None:
    for name, data in contents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(FILE_MODE)


def remove(folder: Path) -> None:
    """Remove the volumes of a pod that has ended."""
    shutil.rmtree(folder, ignore_errors=True)
