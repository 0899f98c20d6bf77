"""The versions and models of one pipeline run in MLflow, which knows no "create unless there".

A version's number is given by the registry's database, one after the other. So whoever made a version looks again for
those of the same run: the lowest counts, and the others are deleted. For that moment two can be seen, both complete.
"""

from typing import Any

from serinus.adapters.mlflow_client import RUN_KEY_TAG, exists_already, not_found, tagged

SCHEME = "models:/"


def registered(client: Any, model: str, key: str) -> str | None:
    """The version that the pipeline run `key` registered."""
    found = _versions(client, model, key)
    return str(found[0].version) if found else None


def create_version(
    client: Any, model: str, *, model_id: str, run_id: str, tags: dict[str, str], description: str
) -> str:
    """The version of the run that `tags` name, created with all its tags in one call: never visible without its digest."""
    try:
        client.create_registered_model(model)
    except Exception as error:
        if not exists_already(error):
            raise
    client.create_model_version(model, SCHEME + model_id, run_id, tags=tags, model_id=model_id, description=description)
    return str(_versions(client, model, tags[RUN_KEY_TAG])[0].version)


def drop_others(client: Any, experiment: str, model: str, key: str) -> None:
    """Delete what attempts that were cut off, or came second, have left: further versions, and models of no version."""
    kept, *others = _versions(client, model, key)
    for version in others:
        _delete(client.delete_model_version, model, str(version.version))
    for logged in client.search_logged_models([experiment], tagged(RUN_KEY_TAG, key)):
        if SCHEME + logged.model_id != kept.source:
            _delete(client.delete_logged_model, logged.model_id)


def _versions(client: Any, model: str, key: str) -> list[Any]:
    """The versions of the run, the first one first."""
    found = client.search_model_versions(f"name = '{model}' and {tagged(RUN_KEY_TAG, key)}")
    return sorted(found, key=lambda version: int(version.version))


def _delete(delete: Any, *what: str) -> None:
    """Delete, unless another attempt was faster."""
    try:
        delete(*what)
    except Exception as error:
        if not not_found(error):
            raise
