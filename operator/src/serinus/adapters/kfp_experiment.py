"""Where the runs of one model are in Kubeflow Pipelines: an experiment of the model's name."""

from serinus.adapters.kfp_client import KfpClient, named
from serinus.adapters.kfp_errors import Present


async def find_experiment(client: KfpClient, model: str) -> str | None:
    """The id of the model's experiment, or None."""
    find = client.experiments.experiment_service_list_experiments_with_http_info
    namespace = await client.namespace()
    within = {"namespace": namespace} if namespace else {}
    found = await client.ask("look for the experiment", find, filter=named(model), **within)
    return next((str(one.experiment_id) for one in found.experiments or []), None)


async def ensure_experiment(client: KfpClient, model: str) -> str:
    """The id of the model's experiment, which is made where there is none."""
    known = await find_experiment(client, model)
    if known is not None:
        return known
    import kfp_server_api as api

    wanted = api.V2beta1Experiment(display_name=model, namespace=await client.namespace() or None)
    create = client.experiments.experiment_service_create_experiment_with_http_info
    try:
        return str((await client.ask("create the experiment", create, wanted)).experiment_id)
    except Present:
        known = await find_experiment(client, model)
        if known is None:
            raise
        return known
