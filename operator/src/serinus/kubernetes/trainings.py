"""The training file in a ConfigMap beside the ModelDeployment (port TrainingSource)."""

import asyncio
from pathlib import Path
from typing import Final

from serinus.adapters.kubernetes_objects import Kind, Manifest
from serinus.core.errors import SpecInvalid, TrainingUnavailable
from serinus.core.pipeline_run import RunRequest, Training
from serinus.kubernetes.api import Api, ApiUnavailable
from serinus.ports import Key
from serinus.training.load import config_of
from serinus.training.reach import refuse_out_of_reach
from serinus.training.retraining import training_of

CONFIG_MAP: Final = Kind("", "v1", "ConfigMap", "configmaps")
FILE: Final = "training.yaml"
GIT_SHA: Final = "serinus.dev/git-sha"  # annotation of the ConfigMap, for the lineage of what is trained
NOT_FOUND: Final = 404
FORBIDDEN: Final = 403


class ConfigMapTrainings:
    """Reads key training.yaml. Runs use the registry at `registry_uri`, else the file's; snapshots are kept at `snapshots`."""

    def __init__(self, api: Api, registry_uri: str, snapshots: str, compiled: Path) -> None:
        self._api = api
        self._registry_uri = registry_uri
        self._snapshots = snapshots
        self._compiled = compiled

    async def read(self, key: Key, pipeline: str) -> Training:
        """See the port. Raises SpecInvalid, TrainingUnavailable."""
        name = f"ConfigMap {key.namespace}/{pipeline}"
        try:
            found = await self._api.request("get", CONFIG_MAP, key.namespace, pipeline)
        except ApiUnavailable as error:
            raise _told(error, name) from error
        text = (found.get("data") or {}).get(FILE)
        if text is None:
            raise SpecInvalid(f"{name} has no key {FILE}; put the training file there")
        return await asyncio.to_thread(self._training, text, found, name)

    def _training(self, text: str, found: Manifest, name: str) -> Training:
        from components.images import lineage

        config = config_of(text, Path(name) / FILE)
        registry_uri = self._registry_uri or config.registry.uri
        refuse_out_of_reach(config, registry_uri, self._snapshots)
        request = RunRequest(
            key="",
            model=config.model,
            training=config.model_dump_json(by_alias=True),
            variants=tuple(variant.name for variant in config.variants),
            registry_uri=registry_uri,
            snapshot_root=self._snapshots,
            git_sha=(found["metadata"].get("annotations") or {}).get(GIT_SHA, ""),
            images=lineage(),
        )
        return training_of(request, self._compiled.read_bytes())


def _told(error: ApiUnavailable, name: str) -> Exception:
    if error.code == NOT_FOUND:
        return SpecInvalid(f"there is no {name}; create it, with the training file under key {FILE}")
    if error.code == FORBIDDEN:
        return TrainingUnavailable(
            f"the operator may not read {name}; install its chart with retraining.enabled: true ({error})"
        )
    return TrainingUnavailable(f"{name} cannot be read: {error}")
