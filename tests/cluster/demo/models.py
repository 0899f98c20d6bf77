"""Three real models of one question, and requests for them.

`python -m tests.cluster.demo.models train FOLDER` writes FOLDER/1, trained on January's flights, FOLDER/2, on the 30 days before
March 8, and FOLDER/3, on the complete rows of these only, so that it refuses flights whose weather is missing; and
FOLDER/requests.jsonl, the flights between, one request a line. `register FOLDER URL` sends the models to an MLflow server, as
versions 1, 2 and 3.
"""

import json
import logging
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from components.ingest.rows import training_rows
from components.train.step import save_model, train, trusted_types
from serinus.adapters.mlflow_client import DIGEST_TAG, connect
from serinus.artifact import directory_digest
from serinus.training.config import TrainingConfig
from serinus.training.flights import load
from serinus.training.load import load_config
from tests.cluster.control_plane.layout import REPOSITORY
from tests.cluster.demo.traffic import REQUESTS_FILE

EXAMPLES: Final = REPOSITORY / "examples" / "flights"
JANUARY: Final = datetime(2013, 2, 1, tzinfo=UTC)
FIVE_WEEKS_LATER: Final = datetime(2013, 3, 8, tzinfo=UTC)
# File, the moment as of which it is trained, and the variant: a logistic regression each, which answers in milliseconds.
VERSIONS: Final = {
    "1": ("training.yaml", JANUARY, "linear"),
    "2": ("training.yaml", FIVE_WEEKS_LATER, "linear"),
    "3": ("training-no-imputer.yaml", FIVE_WEEKS_LATER, "linear-no-imputer"),
}
REQUESTS: Final = 6000
SEED: Final = 2013
COLUMN_TYPES: Final = {"double": "double", "integer": "long", "string": "string"}
DATATYPES: Final = {"double": "FP64", "integer": "INT64", "string": "BYTES"}


def write_all(folder: Path) -> None:
    """Train, and write the models and the requests."""
    config = load_config(EXAMPLES / "training.yaml")
    flights = load()
    for version, (file, as_of, variant) in VERSIONS.items():
        write_model(folder / version, load_config(EXAMPLES / file, as_of=as_of), variant)
    between = flights[(flights[config.time_column] >= JANUARY) & (flights[config.time_column] < FIVE_WEEKS_LATER)]
    chosen = between.sample(n=REQUESTS, random_state=SEED)[config.feature_names]
    lines = [json.dumps(request(row, config)) for row in chosen.to_dict(orient="records")]
    (folder / REQUESTS_FILE).write_text("\n".join(lines) + "\n")


def write_model(folder: Path, config: TrainingConfig, variant: str) -> None:
    """Fit the variant on the file's window, and save it as MLflow does."""
    import mlflow.sklearn
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    chosen = config.variant(variant)
    model = train(training_rows(config).table.to_pandas(), config, chosen)
    draft = folder.with_suffix(".skops")
    save_model(model, str(draft))
    imputes = chosen.missing == "impute"
    inputs = [ColSpec(COLUMN_TYPES[one.type], one.name, not (one.nullable and imputes)) for one in config.features]
    mlflow.sklearn.save_model(
        model,
        str(folder),
        signature=ModelSignature(Schema(inputs), Schema([ColSpec("long")])),
        pip_requirements=["scikit-learn"],
        skops_trusted_types=trusted_types(str(draft)),
    )
    draft.unlink()


def request(row: dict[Any, Any], config: TrainingConfig) -> dict[str, Any]:
    """A flight as a request of the Open Inference Protocol (V2): one tensor of one value for each column."""
    values = {one.name: row[one.name] for one in config.features}
    missing = {name for name, value in values.items() if isinstance(value, float) and math.isnan(value)}
    tensors = [
        {
            "name": one.name,
            "shape": [1],
            "datatype": DATATYPES[one.type],
            "data": [None if one.name in missing else values[one.name]],
        }
        for one in config.features
    ]
    return {"inputs": tensors}


def register(folder: Path, url: str) -> None:
    """Send the models to the registry with the digests of their files, as the training pipeline does."""
    import mlflow

    mlflow.set_tracking_uri(url)  # creating a version from a logged model asks the process's own registry
    client, name = connect(url), load_config(EXAMPLES / "training.yaml").model
    client.create_registered_model(name)
    for version in VERSIONS:
        logged = client.create_logged_model("0", name=name)
        client.log_model_artifacts(logged.model_id, str(folder / version))
        tags = {DIGEST_TAG: directory_digest(folder / version)}
        made = client.create_model_version(name, f"models:/{logged.model_id}", tags=tags, model_id=logged.model_id)
        print(f"registered {name} version {made.version}")


if __name__ == "__main__":
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    match sys.argv[1:]:
        case ["train", folder]:
            write_all(Path(folder))
        case ["register", folder, url]:
            register(Path(folder), url)
        case _:
            sys.exit(__doc__)
