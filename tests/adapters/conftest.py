"""What several contracts need."""

import socket
from collections.abc import Iterator

import pytest

from tests.adapters.mlflow_server import mlflow_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of this run's own; who uses it clears it first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with mlflow_server(tmp_path_factory.mktemp("server"), "127.0.0.1", port) as started:
        yield started.url
