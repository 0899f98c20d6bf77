"""A registry of small real models, trained in a second: a healthy one, a better one, and ones that are bad in a way each."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "trips"
GOOD, BETTER, REFUSING, SLOW, CORRUPTED, UNLOADABLE, OTHER = (str(number) for number in range(1, 8))
# More versions that behave as BETTER and REFUSING do, for tests that need many rollouts.
MORE_GOOD = tuple(str(number) for number in range(8, 16))
MORE_REFUSING = tuple(str(number) for number in range(16, 24))
REJECTED_BY_PREDICTOR = 400

FEATURES = {"distance": "double", "wind": "double", "stops": "integer"}
SLOW_TREES = 350  # asked one after another: 50 ms for one row, longer on a busy machine


@dataclass(frozen=True)
class Registry:
    """`template`: a folder to copy as a state folder. `corrupted`: the file that was changed after it was registered."""

    template: Path
    corrupted: Path

    def copy_to(self, state_dir: Path) -> Path:
        """A state folder of a test's own; the artifacts are shared, because nobody writes to them."""
        state_dir.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self.template / "mlflow.db", state_dir / "mlflow.db")
        return state_dir


def build(folder: Path) -> Registry:
    """Train and register every version."""
    from serinus.adapters.mlflow_client import connect

    client = connect(f"sqlite:///{folder / 'mlflow.db'}")
    client.create_registered_model(MODEL)
    versions = _artifacts(folder)
    for number, artifact in enumerate(versions, start=1):
        assert _register(client, artifact) == str(number)
    corrupted = versions[int(CORRUPTED) - 1] / "serinus" / "reference.json"
    corrupted.write_text(corrupted.read_text() + " ")
    return Registry(folder, corrupted)


def save_linear(folder: Path, version: str, strength: float, distance: float = 1.0) -> Path:
    """A model that learns as much as `strength` lets it: 0.001 hardly anything, 1 nearly everything.

    The distances that it is trained on are so many times as long.
    """
    return _save(folder, version, _linear(strength), distance=distance)


def rows(count: int, seed: int, distance: float = 1.0) -> list[dict[str, Any]]:
    """Rows as the models were trained on, with distances that are so many times as long."""
    frame, _ = _table(count, seed, distance)
    found: list[dict[str, Any]] = frame.to_dict(orient="records")
    return found


def truth(row: Mapping[str, Any]) -> int:
    """What every model is to find out."""
    return int(row["distance"] / 200 + row["wind"] / 10 > 2)


def opened(folder: Path) -> Registry:
    """A registry that another process of this test run has built."""
    return Registry(folder, folder / f"version-{CORRUPTED}" / "serinus" / "reference.json")


def _artifacts(folder: Path) -> list[Path]:
    """The folders of the versions, in their order."""
    good, refusing = _save(folder, GOOD, _linear(0.01)), _save(folder, REFUSING, _linear(1.0, imputes=False), False)
    better = _save(folder, BETTER, _linear(1.0))
    made = {GOOD: good, BETTER: better, REFUSING: refusing, SLOW: _save(folder, SLOW, _bagging())}
    copies = {OTHER: better, CORRUPTED: better, UNLOADABLE: better}
    copies |= dict.fromkeys(MORE_GOOD, better) | dict.fromkeys(MORE_REFUSING, refusing)
    for version, original in copies.items():
        made[version] = Path(shutil.copytree(original, folder / f"version-{version}"))
        (made[version] / "NOTES").write_text(f"version {version}\n")  # another digest, so another revision
    next(made[UNLOADABLE].glob("model.*")).write_bytes(b"not a model")
    return [made[version] for version in sorted(made, key=int)]


def _register(client: Any, artifact: Path) -> str:
    from serinus.adapters.mlflow_client import DIGEST_TAG
    from serinus.artifact import directory_digest

    tags = {DIGEST_TAG: directory_digest(artifact)}
    return str(client.create_model_version(MODEL, artifact.as_uri(), tags=tags).version)


def _table(rows: int = 400, seed: int = 7, distance: float = 1.0) -> tuple[Any, Any]:
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "distance": distance * random.gamma(2, 100, rows),
            "wind": random.normal(10, 3, rows),
            "stops": random.integers(0, 4, rows),
        }
    )
    return frame, frame.apply(truth, axis="columns")


def _linear(strength: float, *, imputes: bool = True) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [SimpleImputer()] if imputes else []
    return make_pipeline(*steps, StandardScaler(), LogisticRegression(C=strength))


def _bagging() -> Any:
    from sklearn.ensemble import BaggingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(SimpleImputer(), BaggingClassifier(n_estimators=SLOW_TREES, max_samples=20, random_state=0))


def _save(folder: Path, version: str, estimator: Any, nullable: bool = True, distance: float = 1.0) -> Path:
    import mlflow.sklearn

    frame, target = _table(distance=distance)
    estimator.fit(frame, target)
    path = folder / f"version-{version}"
    mlflow.sklearn.save_model(
        estimator,
        str(path),
        signature=_signature(nullable),
        pip_requirements=["scikit-learn"],
        serialization_format="cloudpickle",  # loads in half the time of skops, which tests/predictor and the story have
    )
    (path / "serinus").mkdir()
    (path / "serinus" / "reference.json").write_text(json.dumps(_reference(nullable, frame, estimator)))
    return path


def _signature(nullable: bool) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    kinds = {"double": "double", "integer": "long"}
    inputs = [ColSpec(kinds[kind], name, not (nullable and name == "wind")) for name, kind in FEATURES.items()]
    return ModelSignature(Schema(inputs), Schema([ColSpec("long")]))


def _reference(nullable: bool, frame: Any, estimator: Any) -> dict[str, Any]:
    edges = {"distance": [100.0, 300.0], "wind": [8.0, 12.0], "stops": [0, 1, 2]}
    features = [
        {
            "name": name,
            "type": kind,
            "nullable": nullable and name == "wind",
            "edges": edges[name],
            "counts": _counts(frame[name], edges[name]),
        }
        for name, kind in FEATURES.items()
    ]
    quarters = [0.25, 0.5, 0.75]
    answers = _counts(estimator.predict_proba(frame)[:, 1], quarters)
    prediction = {"method": "predict_proba", "edges": quarters, "counts": answers}
    return {"schemaVersion": 1, "target": "late", "rows": len(frame), "features": features, "prediction": prediction}


def _counts(values: Any, edges: list[float]) -> dict[str, int]:
    import numpy as np

    found = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    return {**{str(index): int(count) for index, count in enumerate(found)}, "missing": 0}
