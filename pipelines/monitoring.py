"""The monitoring pipeline: a report on the last window of the prediction log, as a recurring run."""

from typing import cast

from kfp import dsl

from components.monitor.component import monitor
from pipelines.placement import REGISTRY_KEYS, STORAGE_KEYS, Place, place

# Not cached: the log grows, and the same arguments mean another window at another time.
MONITOR = Place(cores=1, gibibytes=2, minutes=60, retries=2, keys=REGISTRY_KEYS + STORAGE_KEYS, cached=False)


@dsl.pipeline(name="monitoring", description="Drift and quality over the last window of the prediction log.")
def monitoring(  # noqa: PLR0917  # KFP calls by name
    training: str,
    log: str,
    registry_uri: str,
    model_version: str = "",
    window: str = "24h",
    as_of: str = "",
    reference_window: str = "",
    psi: float = 0.2,
    min_rows: int = 500,
) -> str:
    """`training` is a TrainingConfig as JSON; returns the report in a sentence.

    Empty `model_version`: the one that answered most. Empty `as_of`: the window ends when the run starts. With a
    `reference_window` the log before the window is the reference, not the registered one.
    """
    looked = monitor(
        training=training,
        log=log,
        registry_uri=registry_uri,
        model_version=model_version,
        window=window,
        as_of=as_of,
        reference_window=reference_window,
        psi=psi,
        min_rows=min_rows,
    )
    return cast("str", place(looked, MONITOR).outputs["Output"])
