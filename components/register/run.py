"""The MLflow run of a pipeline run: one for each run key, found again by its tag."""

from typing import Any, TypeVar

from components.register.candidate import Origin
from serinus.adapters.mlflow_client import DATA_DIGEST_TAG, TRAINING_TAG, address
from serinus.adapters.mlflow_runs import run_of
from serinus.core.errors import TrainingFailed
from serinus.core.model import Frozen
from serinus.training.config import TrainingConfig
from serinus.training.sources import FileSource, PredictionLogSource, Source, SqlSource
from serinus.training.variants import Variant

T = TypeVar("T", bound=Frozen)


def ensure_run(client: Any, experiment: str, config: TrainingConfig, origin: Origin, tags: dict[str, str]) -> Any:
    """The run of `origin`, created with `tags` where there is none.

    Raises TrainingFailed for that of another training file or of other rows: it would be told over, or register nothing.
    """
    run = run_of(client, experiment, origin.run_key, tags)
    for what, tag in (("by another training file", TRAINING_TAG), ("of other rows", DATA_DIGEST_TAG)):
        known, ours = run.data.tags.get(tag), tags[tag]
        if known is not None and known != ours:
            raise TrainingFailed(
                f'run "{origin.run_key}" of model "{config.model}" is in the registry already, made {what} '
                f"({known[:19]}, this one has {ours[:19]}); give this run an id of its own (a run key, or none)"
            )
    return run


def training_parameters(config: TrainingConfig) -> dict[str, Any]:
    """What the training file says, but for its variants: one parameter for each field of each section."""
    dumped = shown(config).model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"variants", "descriptions", "model_card"}
    )
    dumped["features"] = ", ".join(config.feature_names)
    flat: dict[str, Any] = {}
    for name, value in dumped.items():
        flat |= {f"{name}.{field}": one for field, one in value.items()} if isinstance(value, dict) else {name: value}
    return {name: value for name, value in flat.items() if value not in ("", [], {})}


def variant_parameters(variant: Variant) -> dict[str, Any]:
    """What the training file says of a variant."""
    fields = variant.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"name", "parameters"})
    return fields | {f"estimator.{name}": value for name, value in variant.parameters.items()}


def shown(config: TrainingConfig) -> TrainingConfig:
    """`config` as anybody may read it: no user, password or signature in an address."""
    gates = config.gates
    if gates.golden:
        gates = _with(gates, golden=_with(gates.golden, source=_public(gates.golden.source)))
    registry = _with(config.registry, uri=address(config.registry.uri))
    return _with(config, source=_public(config.source), gates=gates, registry=registry)


def _public(source: Source) -> Source:
    if isinstance(source, SqlSource):
        return _with(source, url=_without_query(source.url))
    if isinstance(source, FileSource | PredictionLogSource) and source.path.startswith(("http://", "https://")):
        return _with(source, path=_without_query(source.path))
    return source


def _without_query(uri: str) -> str:
    return address(uri).partition("?")[0]


def _with(value: T, **fields: Any) -> T:
    return value.model_copy(update=fields)
