"""Train as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def train(training: str, variant: str, train_rows: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]) -> None:
    """Fit one variant on the training rows."""
    from pathlib import Path

    import pandas as pd

    from components.train.step import save_model
    from components.train.step import train as run
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step

    with step(f"train {variant}") as report:
        config = TrainingConfig.model_validate_json(training)
        fitted = run(pd.read_parquet(train_rows.path), config, config.variant(variant))
        folder = Path(model.path)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(fitted, str(folder / "model.skops"))
        (folder / "variant.txt").write_text(variant)
        report.say(config.variant(variant).estimator)
