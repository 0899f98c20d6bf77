"""The compiled pipeline in Kubeflow Pipelines: uploaded when there is no version with its digest yet."""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

from serinus.adapters.kfp_client import KfpClient, named
from serinus.adapters.kfp_errors import Absent, Present
from serinus.core.pipeline_run import PIPELINE_NAME, version_name

ABOUT = "From a training file to a registered model version."


class Uploaded(NamedTuple):
    """A version of the pipeline by its ids."""

    pipeline: str
    version: str


async def ensure_version(client: KfpClient, compiled: Path) -> Uploaded:
    """The version that is the file `compiled`. Another client that uploads it at the same time is no harm."""
    name = version_name(await asyncio.to_thread(compiled.read_bytes))
    pipeline = await _pipeline(client)
    known = await _version(client, pipeline, name)
    if known is not None:
        return Uploaded(pipeline, known)
    upload = client.upload.upload_pipeline_version_with_http_info
    options = {"name": name, "display_name": name, "pipelineid": pipeline, "description": ABOUT}
    try:
        made = await client.ask("upload the pipeline", upload, str(compiled), **options)
    except Present:
        found = await _version(client, pipeline, name)
        if found is None:
            raise
        return Uploaded(pipeline, found)
    return Uploaded(pipeline, str(made.pipeline_version_id))


async def _pipeline(client: KfpClient) -> str:
    try:
        return await _known_pipeline(client)
    except Absent:
        pass
    import kfp_server_api as api

    namespace = await client.namespace()
    wanted = api.V2beta1Pipeline(
        name=PIPELINE_NAME, display_name=PIPELINE_NAME, description=ABOUT, namespace=namespace or None
    )
    create = client.pipelines.pipeline_service_create_pipeline_with_http_info
    try:
        return str((await client.ask("create the pipeline", create, wanted)).pipeline_id)
    except Present:
        return await _known_pipeline(client)


async def _known_pipeline(client: KfpClient) -> str:
    find = client.pipelines.pipeline_service_get_pipeline_by_name_with_http_info
    within: dict[str, Any] = {"namespace": await client.namespace()} if await client.namespace() else {}
    return str((await client.ask("look for the pipeline", find, PIPELINE_NAME, **within)).pipeline_id)


async def _version(client: KfpClient, pipeline: str, name: str) -> str | None:
    find = client.pipelines.pipeline_service_list_pipeline_versions_with_http_info
    found = await client.ask("look for the pipeline's version", find, pipeline, filter=named(name, "name"))
    return next((str(one.pipeline_version_id) for one in found.pipeline_versions or []), None)
