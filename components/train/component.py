"""Train as a KFP component."""

from kfp import dsl

from components.step_image import component


@component
def train(
    training: str,
    variant: str,
    snapshot: dsl.Input[dsl.Dataset],
    train_rows: dsl.Input[dsl.Dataset],
    model: dsl.Output[dsl.Model],
) -> None:
    """Fit one variant on the training rows of its window; what a search tried is in `model` beside it."""
    from pathlib import Path

    import pandas as pd

    from components.split.window import rows_of_variant
    from components.train.folder import save_trained
    from components.train.step import fit
    from serinus.training.config import TrainingConfig
    from serinus.training.steps import step
    from serinus.training.values import DataCard

    with step(f"train {variant}") as report:
        config = TrainingConfig.model_validate_json(training)
        card = DataCard.model_validate_json(Path(snapshot.path, "data-card.json").read_text(encoding="utf-8"))
        rows = rows_of_variant(pd.read_parquet(train_rows.path), config, config.variant(variant), card.latest)
        trained = fit(rows, config, config.variant(variant))
        save_trained(trained, variant, Path(model.path))
        report.say(trained.message)
