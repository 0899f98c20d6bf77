"""The training pipeline: ingest, validate, split, train each variant, evaluate, gate, register."""

from typing import List, NamedTuple  # noqa: UP035  # KFP reads the annotation by this name

from kfp import dsl

from components.evaluate.component import evaluate
from components.gate.component import gate
from components.ingest.component import ingest
from components.register.component import keep_champion, register
from components.split.component import split
from components.train.component import train
from components.validate.component import validate


class TrainingResult(NamedTuple):
    """`decision` is a GateDecision as JSON, `version` empty where nothing was registered."""

    decision: str
    version: str
    data_digest: str


@dsl.pipeline(name="training", description="From a training file to a registered model version.")
def training(  # noqa: PLR0917  # KFP calls by name
    training: str,
    variants: List[str],  # noqa: UP006
    registry_uri: str,
    snapshot_root: str = "",
    run_key: str = "",
    git_sha: str = "",
) -> TrainingResult:
    """`training` is a TrainingConfig as JSON (text, because numbers inside a structure arrive as floats)."""
    rows = ingest(training=training, snapshot_root=snapshot_root)
    rows.set_caching_options(False)  # the same file or table can hold other rows
    valid = validate(training=training, snapshot=rows.outputs["snapshot"])
    parts = split(training=training, snapshot=rows.outputs["snapshot"]).after(valid)
    with dsl.ParallelFor(variants) as variant:
        fitted = train(training=training, variant=variant, train_rows=parts.outputs["train_rows"])
    scored = evaluate(
        training=training, models=dsl.Collected(fitted.outputs["model"]), holdout_rows=parts.outputs["holdout_rows"]
    )
    judged = gate(
        training=training,
        metrics=scored.outputs["Output"],
        predictions=scored.outputs["predictions"],
        holdout_rows=parts.outputs["holdout_rows"],
        registry_uri=registry_uri,
    )
    judged.set_caching_options(False)  # the champion can have changed
    with dsl.If(judged.outputs["better"] == True, name="better"):  # noqa: E712  # KFP builds a condition of it
        registered = register(
            training=training,
            decision=judged.outputs["decision"],
            snapshot=rows.outputs["snapshot"],
            train_rows=parts.outputs["train_rows"],
            predictions=scored.outputs["predictions"],
            models=scored.outputs["gathered"],
            registry_uri=registry_uri,
            run_key=run_key,
            job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            git_sha=git_sha,
        )
        registered.set_caching_options(False)
    with dsl.Else(name="not-better"):
        kept = keep_champion()
    version = dsl.OneOf(registered.output, kept.output)
    return TrainingResult(decision=judged.outputs["decision"], version=version, data_digest=rows.outputs["Output"])
