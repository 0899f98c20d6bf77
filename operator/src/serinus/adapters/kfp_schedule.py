"""Runs of the training pipeline at set times, by Kubeflow Pipelines itself."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from serinus.adapters.kfp_client import KfpClient, named
from serinus.adapters.kfp_errors import Absent
from serinus.adapters.kfp_experiment import ensure_experiment
from serinus.adapters.kfp_pipeline import Uploaded, ensure_version
from serinus.core.cron import checked_cron
from serinus.core.pipeline_run import RunRequest

DOING = "make the recurring run"


class KfpSchedule:
    """One recurring run for each model, named like it. `compiled` is the pipeline that is run."""

    def __init__(self, client: KfpClient, compiled: Path) -> None:
        self._client, self._compiled = client, compiled

    async def ensure(self, request: RunRequest, cron: str) -> str:
        """The id of the model's recurring run, which is made, or replaced where it is another. Raises SpecInvalid too.

        `cron` has five fields. The request has no key: each run is known by its own id.
        """
        experiment = await ensure_experiment(self._client, request.model)
        wanted = self._wanted(request, cron, experiment, await ensure_version(self._client, self._compiled))
        known = await self._known(request.model, experiment)
        same = next((one for one in known if _asks_for(one) == _asks_for(wanted)), None)
        kept = same or await self._create(wanted)
        for one in known:  # only now: cut off in between, there are two for a while, and never none
            if one.recurring_run_id != kept.recurring_run_id:
                await self._delete(one.recurring_run_id)
        return str(kept.recurring_run_id)

    def link(self, recurring_run: str) -> str:
        """Its page in the dashboard."""
        return f"{self._client.settings.ui}/#/recurringrun/details/{recurring_run}"

    def _wanted(self, request: RunRequest, cron: str, experiment: str, uploaded: Uploaded) -> Any:
        import kfp_server_api as api

        # Kubeflow Pipelines counts seconds first.
        schedule = api.V2beta1CronSchedule(cron=f"0 {checked_cron(cron)}")
        return api.V2beta1RecurringRun(
            display_name=request.model,
            description=f"Trains {request.model} at {cron}.",
            experiment_id=experiment,
            pipeline_version_reference=api.V2beta1PipelineVersionReference(
                pipeline_id=uploaded.pipeline, pipeline_version_id=uploaded.version
            ),
            runtime_config=api.V2beta1RuntimeConfig(parameters=request.arguments),
            service_account=self._client.settings.service_account or None,
            trigger=api.V2beta1Trigger(cron_schedule=schedule),
            mode=api.RecurringRunMode.ENABLE,
            max_concurrency="1",
            no_catchup=True,  # after an outage one run is enough
        )

    async def _known(self, model: str, experiment: str) -> list[Any]:
        find = self._client.recurring.recurring_run_service_list_recurring_runs_with_http_info
        options = {"experiment_id": experiment, "filter": named(model), "page_size": 100}
        found = await self._client.ask("look for the recurring run", find, **options)
        return list(found.recurring_runs or [])

    async def _create(self, wanted: Any) -> Any:
        create = self._client.recurring.recurring_run_service_create_recurring_run_with_http_info
        return await self._client.ask(DOING, create, wanted)

    async def _delete(self, recurring_run: str) -> None:
        delete = self._client.recurring.recurring_run_service_delete_recurring_run_with_http_info
        with suppress(Absent):  # somebody else was faster
            await self._client.ask("replace the recurring run", delete, recurring_run)


def _asks_for(recurring_run: Any) -> tuple[Any, ...]:
    """What makes one recurring run as good as another. The server fills in a service account where none was named."""
    schedule, reference = recurring_run.trigger.cron_schedule, recurring_run.pipeline_version_reference
    return (
        reference.pipeline_version_id if reference else "",
        recurring_run.runtime_config.parameters,
        schedule.cron if schedule else "",
        recurring_run.mode,
    )
