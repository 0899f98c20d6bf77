"""A Prometheus for each test that asks for one. No cluster is started for them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.monitoring.server import Prometheus, Target, running

Start = Callable[..., Prometheus]


@pytest.fixture
def start_prometheus(tmp_path: Path) -> Iterator[Start]:
    """Starts one that scrapes the given targets, with the options of server.running; it is ended after the test."""
    with ExitStack() as stack:

        def start(*targets: Target, name: str = "prometheus", **options: Any) -> Prometheus:
            return stack.enter_context(running(tmp_path / name, targets, **options))

        yield start
