"""Register, and its counterpart where the champion stays, as KFP components."""

from kfp import dsl

from components.step_image import component


@component
def register(  # noqa: PLR0917  # KFP calls by name
    training: str,
    decision: str,
    snapshot: dsl.Input[dsl.Dataset],
    train_rows: dsl.Input[dsl.Dataset],
    predictions: dsl.Input[dsl.Dataset],
    models: dsl.Input[dsl.Model],
    evaluation: dsl.Input[dsl.Artifact],
    registry_uri: str,
    run_key: str,
    job_id: str,
    git_sha: str,
    images: str,
) -> str:
    """Register the variant that passed the gate; returns its version. `images`: JSON of image digests by step."""
    from pathlib import Path

    import pandas as pd

    from components.register.candidate import Candidate, origin_of
    from components.register.step import register as run
    from components.split.window import rows_of_variant
    from serinus.training.config import TrainingConfig
    from serinus.training.evaluation import EVALUATION_FILE, Evaluation
    from serinus.training.steps import step
    from serinus.training.values import DataCard, GateDecision

    with step("register") as report:
        config, passed = TrainingConfig.model_validate_json(training), GateDecision.model_validate_json(decision)
        measured = Evaluation.model_validate_json(Path(evaluation.path, EVALUATION_FILE).read_text(encoding="utf-8"))
        card = DataCard.model_validate_json(Path(snapshot.path, "data-card.json").read_text(encoding="utf-8"))
        rows, variant = pd.read_parquet(train_rows.path), config.variant(passed.variant)
        candidate = Candidate(
            model_file=Path(models.path, passed.variant, "model.skops"),
            train=rows_of_variant(rows, config, variant, card.latest),
            predictions=pd.read_parquet(predictions.path)[passed.variant],
            card=card,
            decision=passed,
            slices=measured.variant(passed.variant).slices,
        )
        origin = origin_of(
            training,
            run_key=run_key,
            job_id=job_id,
            git_sha=git_sha,
            images=images,
            snapshot_uri=snapshot.metadata.get("address") or snapshot.uri,
        )
        version = run(candidate, config, origin, registry_uri)
        report.say(f"version {version} of {config.model}")
    return version


@component
def keep_champion() -> str:
    """The other branch: nothing is registered; returns no version."""
    return ""
