"""Pipeline runs of the operator (port PipelineRunner): only who leads starts or ends one."""

from serinus.core.pipeline_run import PipelineRun, RunRequest
from serinus.kubernetes.api import Fence
from serinus.ports import PipelineRunner


class FencedRuns:
    """Passes on to `inner`. A replica that may have been succeeded starts, ends and repeats nothing."""

    def __init__(self, inner: PipelineRunner, fence: Fence) -> None:
        self._inner = inner
        self._fence = fence

    async def start(self, request: RunRequest) -> str:
        """See the port; raises what the fence raises."""
        self._fence.check()
        return await self._inner.start(request)

    async def look(self, run: str) -> PipelineRun:
        """See the port."""
        return await self._inner.look(run)

    async def cancel(self, run: str) -> None:
        """See the port; raises what the fence raises."""
        self._fence.check()
        await self._inner.cancel(run)

    async def retry(self, run: str) -> None:
        """See the port; raises what the fence raises."""
        self._fence.check()
        await self._inner.retry(run)
