"""Validate as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def validate(training: str, snapshot: dsl.Input[dsl.Dataset]) -> int:
    """Fail unless the snapshot keeps the declared schema; returns its number of rows."""
    import pandas as pd

    from components.validate.step import validate as run
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step("validate") as report:
        frame = pd.read_parquet(f"{snapshot.path}/data.parquet")
        run(frame, TrainingConfig.model_validate_json(training))
        report.say("the rows keep the schema")
    return len(frame)
