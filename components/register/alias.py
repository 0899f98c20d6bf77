"""The alias of the newest version, which training owns: `challenger`, unless the training file says otherwise."""

from typing import Any, Final

from serinus.adapters.mlflow_alias import alias_version, point_alias, refuse_conflict
from serinus.adapters.mlflow_client import OWNER_TAG, PROMOTED_TAG, RUN_KEY_TAG, not_found
from serinus.training.config import TrainingConfig

OWNER: Final = "training"  # a deployment's name has a slash in it


def refuse_foreign_alias(client: Any, config: TrainingConfig, version: str | None = None) -> str | None:
    """The version that the alias names. Raises AliasConflict where `version` (None: one still to be made) may not get it."""
    model, alias = config.model, config.registry.challenger_alias
    current = alias_version(client, model, alias)
    tags = _with_known_place(client, config, current, _tags(client, model))
    refuse_conflict(
        model, alias, version=version, owner=OWNER, current=current, tags=tags, field="registry.challengerAlias"
    )
    return current


def point_challenger(client: Any, config: TrainingConfig, version: str) -> None:
    """Point the alias at `version`, unless a newer run was faster. Raises AliasConflict."""
    model, alias = config.model, config.registry.challenger_alias
    current = refuse_foreign_alias(client, config, version)
    if current is None or int(current) <= int(version):
        point_alias(client, model, alias, version=version, owner=OWNER, current=current)


def _with_known_place(client: Any, config: TrainingConfig, current: str | None, tags: dict[str, str]) -> dict[str, str]:
    """The model's tags as they would be had no run been cut off behind moving the alias."""
    alias = config.registry.challenger_alias
    if current is None or tags.get(OWNER_TAG + alias) != OWNER:
        return tags
    newer = int(current) > int(tags.get(PROMOTED_TAG + alias, 0))
    made_here = newer and RUN_KEY_TAG in client.get_model_version(config.model, current).tags
    return {**tags, PROMOTED_TAG + alias: current} if made_here else tags


def _tags(client: Any, model: str) -> dict[str, str]:
    try:
        return dict(client.get_registered_model(model).tags)
    except Exception as error:
        if not_found(error):
            return {}
        raise
