"""A pipeline runner that runs nothing: what becomes of a run is what the test says."""

from dataclasses import dataclass, field, replace

from serinus.core.errors import PipelineRunNotFound
from serinus.core.pipeline_run import PipelineRun, RunPhase, RunRequest


@dataclass
class FakeRuns:
    """Implements `serinus.ports.PipelineRunner`."""

    runs: dict[str, PipelineRun] = field(default_factory=dict)
    requests: list[RunRequest] = field(default_factory=list)

    async def start(self, request: RunRequest) -> str:
        if request.key not in self.runs:
            self.requests.append(request)
            self.runs[request.key] = PipelineRun(request.key, RunPhase.PENDING, link=f"fake://{request.key}")
        return request.key

    async def look(self, run: str) -> PipelineRun:
        if run not in self.runs:
            raise PipelineRunNotFound(f'there is no run "{run}"')
        return self.runs[run]

    async def cancel(self, run: str) -> None:
        if not (await self.look(run)).phase.ended:
            self.runs[run] = replace(self.runs[run], phase=RunPhase.CANCELLED)

    async def retry(self, run: str) -> None:
        found = await self.look(run)
        if found.phase in (RunPhase.FAILED, RunPhase.CANCELLED):
            kept = tuple(step for step in found.steps if step.phase is RunPhase.SUCCEEDED)
            self.runs[run] = replace(found, phase=RunPhase.PENDING, steps=kept, message="")
