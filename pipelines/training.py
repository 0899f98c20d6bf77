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
from pipelines.placement import DATABASE_KEYS, REGISTRY_KEYS, STORAGE_KEYS, Place, place

# Steps that read or write what can change outside are not cached: the table's rows, the registry's champion.
INGEST = Place(cores=1, gibibytes=2, minutes=60, retries=2, keys=STORAGE_KEYS + DATABASE_KEYS, cached=False)
VALIDATE = Place(cores=1, gibibytes=2, minutes=30, retries=1, keys=STORAGE_KEYS, cached=False)
SPLIT = Place(cores=0.5, gibibytes=2, minutes=30)
TRAIN = Place(cores=2, gibibytes=4, minutes=240)
EVALUATE = Place(cores=1, gibibytes=2, minutes=60)
GATE = Place(cores=1, gibibytes=4, minutes=120, retries=2, keys=REGISTRY_KEYS + STORAGE_KEYS, cached=False)
REGISTER = Place(cores=0.5, gibibytes=2, minutes=30, retries=4, keys=REGISTRY_KEYS + STORAGE_KEYS, cached=False)
NOTHING = Place(cores=0.1, gibibytes=0.25, minutes=10)


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
    images: str = "",
) -> TrainingResult:
    """`training` is a TrainingConfig as JSON (text, because numbers inside a structure arrive as floats).

    `images`: the image of each step as JSON, for the lineage of what is registered.
    """
    rows = place(ingest(training=training, snapshot_root=snapshot_root), INGEST)
    valid = place(validate(training=training, snapshot=rows.outputs["snapshot"], snapshot_root=snapshot_root), VALIDATE)
    parts = place(split(training=training, snapshot=rows.outputs["snapshot"]), SPLIT).after(valid)
    with dsl.ParallelFor(variants) as variant:
        fitted = place(
            train(
                training=training,
                variant=variant,
                snapshot=rows.outputs["snapshot"],
                train_rows=parts.outputs["train_rows"],
            ),
            TRAIN,
        )
    scored = place(
        evaluate(
            training=training,
            models=dsl.Collected(fitted.outputs["model"]),
            holdout_rows=parts.outputs["holdout_rows"],
        ),
        EVALUATE,
    )
    judged = place(
        gate(
            training=training,
            metrics=scored.outputs["Output"],
            predictions=scored.outputs["predictions"],
            models=scored.outputs["gathered"],
            train_rows=parts.outputs["train_rows"],
            holdout_rows=parts.outputs["holdout_rows"],
            golden=rows.outputs["golden"],
            evaluation=scored.outputs["evaluation"],
            snapshot=rows.outputs["snapshot"],
            registry_uri=registry_uri,
            run_key=run_key,
            job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
            git_sha=git_sha,
            images=images,
        ),
        GATE,
    )
    with dsl.If(judged.outputs["better"] == True, name="better"):  # noqa: E712  # KFP builds a condition of it
        registered = place(
            register(
                training=training,
                decision=judged.outputs["decision"],
                snapshot=rows.outputs["snapshot"],
                train_rows=parts.outputs["train_rows"],
                predictions=scored.outputs["predictions"],
                models=scored.outputs["gathered"],
                evaluation=scored.outputs["evaluation"],
                registry_uri=registry_uri,
                run_key=run_key,
                job_id=dsl.PIPELINE_JOB_ID_PLACEHOLDER,
                git_sha=git_sha,
                images=images,
            ),
            REGISTER,
        )
    with dsl.Else(name="not-better"):
        kept = place(keep_champion(), NOTHING)
    version = dsl.OneOf(registered.output, kept.output)
    return TrainingResult(decision=judged.outputs["decision"], version=version, data_digest=rows.outputs["Output"])
