"""The folder of a version: the model, and with it everything needed to judge it later."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from components.register.candidate import Candidate
from components.register.packaging import write_model_folder
from components.register.run import shown
from serinus.artifact import file_digests
from serinus.training.config import TrainingConfig

CARD_FILE = "serinus/data-card.json"
EVALUATION_FILE = "serinus/evaluation.json"
FILES_FILE = "serinus/files.json"
MODEL_CARD_FILE = "serinus/model-card.md"
TRAINING_FILE = "serinus/training.json"
EXAMPLE_ROWS = 3


def write_folder(
    folder: Path, candidate: Candidate, config: TrainingConfig, *, model_card: str, mlflow_model: Any
) -> None:
    """Write all files of the version at `folder`; `serinus/files.json` has the digest of each of the others."""
    write_model_folder(
        folder,
        candidate.model_file,
        train=candidate.train,
        predictions=candidate.predictions,
        config=config,
        variant=config.variant(candidate.decision.variant),
        example=input_example(candidate.train, config),
        mlflow_model=mlflow_model,
    )
    texts = {
        CARD_FILE: candidate.card.model_dump_json(by_alias=True, indent=2),
        EVALUATION_FILE: candidate.decision.model_dump_json(by_alias=True, indent=2),
        TRAINING_FILE: shown(config).model_dump_json(by_alias=True, indent=2),
        MODEL_CARD_FILE: model_card,
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / FILES_FILE).write_text(json.dumps(file_digests(folder), indent=2))


def input_example(train: pd.DataFrame, config: TrainingConfig) -> pd.DataFrame:
    """A few training rows as the model gets them, complete ones where there are any.

    A feature that a fairness gate calls sensitive has its commonest value in all of them, so that none tells a person's.
    """
    features = train[config.feature_names]
    complete = features.dropna()
    rows = (complete if len(complete) else features).head(EXAMPLE_ROWS).reset_index(drop=True)
    sensitive = config.gates.fairness.columns if config.gates.fairness else ()
    common = {
        name: features[name].mode().iloc[0] for name in rows if name in sensitive and features[name].notna().any()
    }
    return rows.assign(**common)
