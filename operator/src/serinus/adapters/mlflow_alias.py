"""Aliases of registered models: each has one owner, and what a person pointed elsewhere is left alone."""

from typing import Any

from serinus.adapters.mlflow_client import OWNER_TAG, PROMOTED_TAG, not_found
from serinus.core.errors import AliasConflict


def alias_version(client: Any, model: str, alias: str) -> str | None:
    """The version that `alias` names, or None."""
    try:
        return str(client.get_model_version_by_alias(model, alias).version)
    except Exception as error:
        if not_found(error):
            return None
        raise


def point_alias(client: Any, model: str, alias: str, *, version: str, owner: str, current: str | None) -> None:
    """Point `alias`, now at `current`, at `version` for `owner`; who may is `refuse_conflict`'s to say."""
    # Alias before the promoted tag: cut off in between, the same call finds the alias where it wants it.
    client.set_registered_model_tag(model, OWNER_TAG + alias, owner)
    if current != version:
        client.set_registered_model_alias(model, alias, version)
    client.set_registered_model_tag(model, PROMOTED_TAG + alias, version)


def refuse_conflict(
    model: str,
    alias: str,
    *,
    version: str | None,
    owner: str,
    current: str | None,
    tags: dict[str, str],
    field: str = "promoteAlias",
) -> None:
    """Raise AliasConflict unless the alias is free, is ours where we left it, or is where we want it.

    `version` is None for one that is still to be made. `tags` are the registered model's, `field` is where the owner
    chose the alias.
    """
    holder, promoted = tags.get(OWNER_TAG + alias), tags.get(PROMOTED_TAG + alias)
    name, target = f'alias "{alias}" of model "{model}"', f"version {version}" if version else "a new version"
    if holder is not None and holder != owner:
        raise AliasConflict(
            f"{name} belongs to {holder}, so {owner} does not move it to {target}; "
            f"choose another {field}, or delete the tag {OWNER_TAG}{alias} to hand it over"
        )
    if current not in (None, version, promoted):
        before = promoted or version
        raise AliasConflict(
            f"{name} was pointed at version {current} by a person, so {owner} does not move it to {target}; "
            f"delete the alias to hand it over{f', or point it at {before}' if before else ''}"
        )
