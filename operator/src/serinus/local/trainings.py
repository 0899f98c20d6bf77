"""The training file beside the ModelDeployment's (port TrainingSource)."""

import asyncio
from pathlib import Path

from serinus.core.pipeline_run import Training
from serinus.ports import Key
from serinus.training.load import load_config
from serinus.training.retraining import training_of


class FileTrainings:
    """Reads `<pipeline>.yaml` in `folder`. Runs use the registry at `registry_uri`, and keep snapshots in `snapshots`."""

    def __init__(self, folder: Path, registry_uri: str, snapshots: Path, compiled: Path) -> None:
        self._folder = folder
        self._registry_uri = registry_uri
        self._snapshots = snapshots
        self._compiled = compiled

    async def read(self, key: Key, pipeline: str) -> Training:
        """See the port. Raises SpecInvalid."""
        return await asyncio.to_thread(self._read, self._folder / f"{pipeline}.yaml")

    def _read(self, path: Path) -> Training:
        from pipelines.run import request_of

        request = request_of(
            load_config(path),
            path,
            "",
            registry_uri=self._registry_uri,
            snapshot_root=str(self._snapshots.resolve()),
        )
        return training_of(request, self._compiled.read_bytes())
