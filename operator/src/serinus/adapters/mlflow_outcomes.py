"""What came of a pipeline run, as MLflow has it: found by the run's key, which the register step leaves on all it writes."""

from typing import Any

from serinus.adapters.mlflow_client import (
    MESSAGE_TAG,
    REASON_TAG,
    RUN_KEY_TAG,
    connect_impatiently,
    is_new_registry,
    tagged,
    translated,
)
from serinus.core.errors import RegistryUnavailable
from serinus.core.pipeline_run import RunOutcome

OLDEST = ["attributes.start_time ASC"]


def find_outcome(uri: str, model: str, key: str) -> RunOutcome:
    """The version that the run `key` registered for `model`, and the gate's reason. Raises RegistryUnavailable."""
    if not uri or is_new_registry(uri):
        raise RegistryUnavailable(f"there is no registry at {uri or 'an address that was not told'}; name it")
    with translated(uri):
        client = connect_impatiently(uri)
        versions = client.search_model_versions(f"name = '{model}' and {tagged(RUN_KEY_TAG, key)}")
        tags = _tags(client, model, key)
    version = str(min(int(one.version) for one in versions)) if versions else None  # the first counts, as in register
    return RunOutcome(version, tags.get(REASON_TAG, ""), tags.get(MESSAGE_TAG, ""))


def _tags(client: Any, model: str, key: str) -> dict[str, str]:
    """The tags of the MLflow run that tells of the pipeline run; none where nothing was logged."""
    experiment = client.get_experiment_by_name(model)
    if experiment is None:
        return {}
    runs = client.search_runs([experiment.experiment_id], tagged(RUN_KEY_TAG, key), max_results=1, order_by=OLDEST)
    return dict(runs[0].data.tags) if runs else {}
