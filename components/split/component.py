"""Split as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def split(
    training: str,
    snapshot: dsl.Input[dsl.Dataset],
    train_rows: dsl.Output[dsl.Dataset],
    holdout_rows: dsl.Output[dsl.Dataset],
) -> None:
    """Part the snapshot into training rows and held-out rows."""
    import pandas as pd

    from components.split.step import split as run
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("split") as report:
        frame = pd.read_parquet(f"{snapshot.path}/data.parquet")
        train, holdout = run(frame, TrainingConfig.model_validate_json(training))
        train.to_parquet(train_rows.path, index=False)
        holdout.to_parquet(holdout_rows.path, index=False)
        report.say(f"{len(train):,} rows to train on, {len(holdout):,} held out")
