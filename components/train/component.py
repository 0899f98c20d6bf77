"""Train as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def train(training: str, variant: str, train_rows: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]) -> None:
    """Fit one variant on the training rows; what a search tried is in `model` beside it."""
    from pathlib import Path

    import pandas as pd

    from components.train.folder import save_trained
    from components.train.step import fit
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step(f"train {variant}") as report:
        config = TrainingConfig.model_validate_json(training)
        trained = fit(pd.read_parquet(train_rows.path), config, config.variant(variant))
        save_trained(trained, variant, Path(model.path))
        report.say(trained.message)
