"""`serinus train --on kfp`: start, follow, repeat or end a run on Kubeflow Pipelines. Needs nothing of the data stack."""

import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path

import typer

from serinus.adapters.kfp_auth import settings_from
from serinus.adapters.kfp_client import KfpClient
from serinus.adapters.kfp_runs import KfpRuns
from serinus.adapters.kfp_schedule import KfpSchedule
from serinus.cli.exits import Exit, say_error
from serinus.cli.training.asked import Asked
from serinus.cli.training.watching import follow, progress
from serinus.core.cron import checked_cron
from serinus.core.errors import SpecInvalid
from serinus.core.pipeline_run import PipelineRun, RunPhase, RunRequest
from serinus.training.load import load_config
from serinus.training.reach import refuse_out_of_reach


def train_on_kfp(asked: Asked) -> Exit:
    """Do what was asked for; the exit code says how it ended. Raises SerinusError."""
    if asked.cancel:
        return asyncio.run(_cancel(asked))
    if asked.every:
        return asyncio.run(_repeat(asked))
    return asyncio.run(_run(asked))


async def _cancel(asked: Asked) -> Exit:
    runs = KfpRuns(_client(asked), _compiled())
    await runs.cancel(asked.cancel)
    seen = await runs.look(asked.cancel)
    state = seen.phase if seen.phase.ended else "being cancelled"
    _say(
        asked,
        f"run {asked.cancel} is {state}: {seen.link}",
        {"run": asked.cancel, "phase": str(seen.phase), "link": seen.link},
    )
    return Exit.DONE


async def _repeat(asked: Asked) -> Exit:
    cron = checked_cron(asked.every)
    request = _request(asked, key="")
    if json.loads(request.training)["asOf"] is not None:
        raise SpecInvalid(
            "asOf is set, so every run would train on the same rows; remove it, and each window ends with the latest row"
        )
    schedule = KfpSchedule(_client(asked), _compiled())
    made = await schedule.ensure(request, cron)
    said = f"{request.model} is trained at {cron} (in the cluster's time zone), by recurring run {made}\n{schedule.link(made)}"
    _say(asked, said, {"recurringRun": made, "cron": cron, "link": schedule.link(made)})
    return Exit.DONE


async def _run(asked: Asked) -> Exit:
    request = _request(asked, key=asked.run_id)
    runs = KfpRuns(_client(asked), _compiled())
    run = await runs.start(request)
    if asked.run_id:
        await runs.retry(run)
    told = f"run {run} ({request.key})\n{runs.link(run)}"
    if not asked.watch:
        wait = f"--run-id {request.key} --watch with the same command waits for its end"
        _say(asked, f"{told}\n{wait}", {"run": run, "key": request.key, "link": runs.link(run)})
        return Exit.DONE
    typer.echo(told, err=True)
    try:
        with progress() as tell:
            seen = await follow(runs, run, tell)
    except asyncio.CancelledError:
        say_error(f"the run goes on; --cancel {run} ends it")
        raise
    return _ended(asked, request.key, seen)


def _ended(asked: Asked, key: str, seen: PipelineRun) -> Exit:
    content = {name: value for name, value in asdict(seen).items() if name != "id"}
    if asked.as_json:
        typer.echo(json.dumps({"run": seen.id, "key": key, **content}, indent=2))
    if seen.phase is not RunPhase.SUCCEEDED:
        why = f": {seen.message}" if seen.message else ""
        say_error(f"run {seen.id} is {seen.phase}{why}\n{seen.link}")
        return Exit.FAILED
    if not asked.as_json:
        typer.echo(sentence(seen))
    return Exit.DONE


def sentence(seen: PipelineRun) -> str:
    """What came of a run that succeeded."""
    outcome = seen.outcome
    if outcome is None:
        return seen.message
    because = ": ".join(filter(None, (outcome.reason, outcome.message)))
    if outcome.version is None:
        return f"not registered{f': {because}' if because else ', the report card says why'}"
    ask = f'ask for it with version: "{outcome.version}" in a ModelDeployment'
    return f"registered version {outcome.version}{f': {because}' if because else ''}\n{ask}"


def _request(asked: Asked, key: str) -> RunRequest:
    from components.images import lineage
    from pipelines.run import new_run_id, request_of

    config = load_config(asked.training_file, as_of=asked.as_of)
    registry = asked.registry or config.registry.uri
    refuse_out_of_reach(config, registry, asked.snapshots)
    key = key or ("" if asked.every else new_run_id(config.model))
    return request_of(
        config, asked.training_file, key, registry_uri=registry, snapshot_root=asked.snapshots, images=lineage()
    )


def _client(asked: Asked) -> KfpClient:
    return KfpClient(settings_from(os.environ, asked.host, asked.namespace))


def _compiled() -> Path:
    from pipelines.compile import COMPILED

    return COMPILED / "training.yaml"


def _say(asked: Asked, said: str, content: dict[str, str]) -> None:
    typer.echo(json.dumps(content, indent=2) if asked.as_json else said)
