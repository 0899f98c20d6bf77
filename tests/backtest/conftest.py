from pathlib import Path

import pytest

from tests.backtest.support import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place.of(tmp_path)
