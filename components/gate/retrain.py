"""The variant trained again, in a process that shares nothing with this one but the rows and the training file."""

import json
import os
import subprocess
import sys
from pathlib import Path

from components.gate.case import Case

TIMEOUT_SECONDS = 3600
LOG_CHARACTERS = 600


def trained_again(case: Case, folder: Path) -> Path | str:
    """The new model file in `folder`, or why there is none."""
    case.train.to_parquet(folder / "train.parquet", index=False)
    training = case.config.model_dump_json(by_alias=True)
    (folder / "request.json").write_text(json.dumps({"training": training, "variant": case.variant}))
    # Sets and dictionaries keyed by text are iterated in another order with another seed of hashing.
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    command = [sys.executable, "-m", "components.gate.retrain", str(folder)]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"training again took longer than {TIMEOUT_SECONDS} s"
    if done.returncode != 0:
        end = " ".join(done.stderr.split())[-LOG_CHARACTERS:]
        return f"training again ended with exit code {done.returncode}: {end}"
    return folder / "model.skops"


def main(folder: Path) -> None:
    """In the other process: train as the step train does."""
    import pandas as pd

    from components.train.step import save_model, train
    from serinus.training.config import TrainingConfig

    request = json.loads((folder / "request.json").read_text())
    config = TrainingConfig.model_validate_json(request["training"])
    model = train(pd.read_parquet(folder / "train.parquet"), config, config.variant(request["variant"]))
    save_model(model, str(folder / "model.skops"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
