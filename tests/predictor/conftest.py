import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.predictor.support import Server, start, wait_ready, write_reference


@pytest.fixture(scope="session")
def plain_model(tmp_path_factory) -> Path:
    """A saved pipeline with a signature and an input example, but no reference."""
    import mlflow.sklearn
    import numpy as np
    import pandas as pd
    from mlflow.models import infer_signature
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

    from tests.predictor import behaviours

    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "temp": random.normal(10, 8, 200),
            "wind": random.normal(8, 2, 200),
            "hour": random.integers(0, 24, 200),
            "gust": np.where(random.random(200) < 0.5, np.nan, 25.0),
            "origin": random.choice(["JFK", "LGA", "EWR"], 200),
            "gate": random.choice(np.array(["A", "B", np.nan], dtype=object), 200),
            "weekend": random.random(200) < 0.3,
        }
    )
    encode = make_column_transformer(
        (SimpleImputer(), ["temp", "wind", "hour", "gust"]),
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "gate", "weekend"]),
    )
    model = make_pipeline(FunctionTransformer(behaviours.obey), encode, LogisticRegression(max_iter=1000))
    model.fit(frame, frame["temp"] > 10)
    directory = tmp_path_factory.mktemp("models") / "plain"
    mlflow.sklearn.save_model(
        model,
        str(directory),
        signature=infer_signature(frame, model.predict(frame)),
        pip_requirements=["scikit-learn"],
        skops_trusted_types=["numpy.dtype", "tests.predictor.behaviours.obey"],
    )
    return directory


@pytest.fixture(scope="session")
def model_dir(plain_model, tmp_path_factory) -> Path:
    """The same pipeline with the training reference beside it."""
    directory = tmp_path_factory.mktemp("models") / "model"
    shutil.copytree(plain_model, directory)
    write_reference(directory)
    return directory


def _running(directory: Path, folder: Path, *options: str) -> Iterator[Server]:
    server = start(directory, folder, *options)
    try:
        yield wait_ready(server)
    finally:
        server.process.kill()
        server.process.wait(20)


@pytest.fixture(scope="session")
def shared_server(model_dir, tmp_path_factory) -> Iterator[Server]:
    """One predictor for all tests that only send requests."""
    options = ("--slo-ms", "40", "--slo-ms", "100", "--max-body-bytes", "20000")
    yield from _running(model_dir, tmp_path_factory.mktemp("server"), *options)


@pytest.fixture
def server(model_dir, tmp_path) -> Iterator[Server]:
    """A predictor that a test may stop."""
    yield from _running(model_dir, tmp_path)


@pytest.fixture(scope="session")
def plain_server(plain_model, tmp_path_factory) -> Iterator[Server]:
    """A predictor of a model without a reference."""
    yield from _running(plain_model, tmp_path_factory.mktemp("server"))
