"""The training pipeline on Kubeflow Pipelines."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from serinus.adapters.kfp_client import KfpClient, named
from serinus.adapters.kfp_errors import Absent
from serinus.adapters.kfp_experiment import ensure_experiment
from serinus.adapters.kfp_pipeline import ensure_version
from serinus.adapters.kfp_view import parameters, phase_of, step_names, view
from serinus.adapters.mlflow_outcomes import find_outcome
from serinus.adapters.system_clock import SystemClock
from serinus.core.errors import PipelineRunNotFound, PipelinesRefused, RegistryUnavailable
from serinus.core.pipeline_run import PipelineRun, RunPhase, RunRequest
from serinus.ports import Clock

REGISTER_STEP = "register"


class KfpRuns:
    """Implements `serinus.ports.PipelineRunner`. `compiled` is the pipeline that is run.

    A run is found again by its display name, which is the request's key; its server has no names that are unique, so two
    clients that start the same key in the same moment start it twice. Even then, only one version is registered.
    """

    def __init__(self, client: KfpClient, compiled: Path, clock: Clock | None = None) -> None:
        self._client, self._compiled, self._clock = client, compiled, clock or SystemClock()

    async def start(self, request: RunRequest) -> str:
        """The id of the run with the request's key, which is started where there is none."""
        experiment = await ensure_experiment(self._client, request.model)
        known = await self._find(request.key, experiment)
        if known is not None:
            return known
        create = self._client.runs.run_service_create_run_with_http_info
        wanted = await self._wanted(request, experiment)
        try:
            return str((await self._client.ask("start a run", create, wanted)).run_id)
        except Absent as error:
            raise PipelinesRefused(
                f"{error}: the pipeline was deleted after it was found or uploaded; start again, and it is uploaded anew"
            ) from error

    async def look(self, run: str) -> PipelineRun:
        """How far it is; once it has succeeded, with what the registry says came of it."""
        found = await self._do("look at the run", run, self._client.runs.run_service_get_run_with_http_info)
        seen = view(found, _steps_of(self._compiled), self.link(run), self._clock.now())
        return await _with_outcome(seen, parameters(found)) if seen.phase is RunPhase.SUCCEEDED else seen

    async def cancel(self, run: str) -> None:
        """Terminate it; its pods get the time of their grace period."""
        if (await self._phase(run)).ended:
            return
        try:
            await self._do("cancel the run", run, self._client.runs.run_service_terminate_run_with_http_info)
        except PipelinesRefused:
            if not (await self._phase(run)).ended:  # it ended in between
                raise

    async def retry(self, run: str) -> None:
        """Run the failed steps again, and those behind them."""
        if await self._phase(run) in (RunPhase.FAILED, RunPhase.CANCELLED):
            await self._do("retry the run", run, self._client.runs.run_service_retry_run_with_http_info)

    def link(self, run: str) -> str:
        """The run's page in the dashboard."""
        return f"{self._client.settings.ui}/#/runs/details/{run}"

    async def _find(self, key: str, experiment: str) -> str | None:
        find = self._client.runs.run_service_list_runs_with_http_info
        found = await self._client.ask("look for the run", find, experiment_id=experiment, filter=named(key))
        return next((str(one.run_id) for one in found.runs or []), None)

    async def _wanted(self, request: RunRequest, experiment: str) -> Any:
        import kfp_server_api as api

        pipeline, version = await ensure_version(self._client, self._compiled)
        return api.V2beta1Run(
            display_name=request.key,
            description=f"Trains {request.model}.",
            experiment_id=experiment,
            pipeline_version_reference=api.V2beta1PipelineVersionReference(
                pipeline_id=pipeline, pipeline_version_id=version
            ),
            runtime_config=api.V2beta1RuntimeConfig(parameters=request.arguments),
            service_account=self._client.settings.service_account or None,
        )

    async def _phase(self, run: str) -> RunPhase:
        found = await self._do("look at the run", run, self._client.runs.run_service_get_run_with_http_info)
        return phase_of(found)

    async def _do(self, doing: str, run: str, method: Any) -> Any:
        try:
            return await self._client.ask(doing, method, run)
        except Absent as error:
            raise PipelineRunNotFound(
                f'Kubeflow Pipelines at {self._client.settings.host} has no run "{run}"; '
                "give the id that was told when it started"
            ) from error


async def _with_outcome(seen: PipelineRun, given: Mapping[str, Any]) -> PipelineRun:
    """The API hands out no parameters of a run's steps, only ids of artifacts, so the registry is asked by the key."""
    if not {"training", "registry_uri"} <= given.keys():
        return replace(seen, message="it is no run of the training pipeline, so nothing is known of its outcome")
    model, key = json.loads(given["training"])["model"], str(given.get("run_key") or seen.id)
    registered = any(one.name == REGISTER_STEP and one.phase is RunPhase.SUCCEEDED for one in seen.steps)
    try:
        outcome = await asyncio.to_thread(find_outcome, str(given["registry_uri"]), model, key)
    except RegistryUnavailable as error:
        what = "a version was registered" if registered else "no version was registered"
        return replace(seen, message=f"{what}, and more is not known from here: {error}")
    return replace(seen, outcome=outcome)


@cache
def _steps_of(compiled: Path) -> frozenset[str]:
    """The compiled file is a pipeline's specification and, behind it, what only Kubernetes reads."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return step_names(next(yaml.load_all(compiled.read_text(encoding="utf-8"), Loader=loader)))
