"""Variants with windows of their own: one snapshot, one set of held-out rows, and each trained on its own past."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ingest.rows import training_rows
from components.split.step import split
from components.split.window import rows_of_variant
from serinus.core.errors import DataInvalid, SpecInvalid
from serinus.training.config import TrainingConfig
from serinus.training.load import load_config

START = datetime(2024, 1, 1, tzinfo=UTC)


def config_of(file_window: str, *windows: str | None, **fields: Any) -> TrainingConfig:
    estimator = {"estimator": "sklearn.linear_model.Ridge"}
    return TrainingConfig.model_validate(
        {
            "model": "m",
            "source": {"type": "csv", "path": "x"},
            "timeColumn": "at",
            "idColumns": ["id"],
            "target": "id",
            "task": "regression",
            "features": [{"name": "x", "type": "double"}],
            "window": file_window,
            "variants": [
                {"name": f"v{n}", **estimator, **({"window": one} if one else {})} for n, one in enumerate(windows)
            ],
        }
        | fields
    )


def hours(count: int) -> pd.DataFrame:
    times = pd.date_range(START, periods=count, freq="h")
    return pd.DataFrame({"at": times, "id": range(count), "x": np.arange(count, dtype=float)})


@pytest.mark.parametrize("as_of", [None, START + timedelta(hours=1000)])
def test_each_variant_is_trained_on_its_window_and_all_are_judged_on_the_latest_rows_of_the_shortest(
    as_of: datetime | None,
) -> None:
    config = config_of("all", None, "100h", asOf=as_of)
    frame = hours(1000)
    train, holdout = split(frame, config)
    assert holdout["id"].tolist() == list(range(970, 1000)), "30 % of the latest 100 rows"
    latest = frame["at"].max()
    assert rows_of_variant(train, config, config.variants[0], latest)["id"].tolist() == list(range(970))
    assert rows_of_variant(train, config, config.variants[1], latest)["id"].tolist() == list(range(900, 970))


def test_a_window_of_its_own_that_is_the_files_changes_nothing() -> None:
    frame = hours(100)
    same, without = split(frame, config_of("100h", "100h")), split(frame, config_of("100h", None))
    assert all(one.equals(other) for one, other in zip(same, without, strict=True))


@settings(max_examples=60, deadline=None)
@given(
    short=st.integers(4, 200),
    by=st.sampled_from(["time", "random"]),
    share=st.floats(0.1, 0.9),
    groups=st.sampled_from([None, "group"]),
)
def test_held_out_rows_are_never_trained_on_nor_grouped_with_those_that_are(
    short: int, by: str, share: float, groups: str | None
) -> None:
    config = config_of("all", None, f"{short}h", split={"by": by, "holdout": share, "groups": groups})
    frame = hours(200).assign(group=lambda rows: rows["id"] // 7 % 40)
    try:
        train, holdout = split(frame, config)
    except DataInvalid:
        return  # one side would be empty
    assert not set(train["id"]) & set(holdout["id"])
    assert len(train) + len(holdout) == len(frame)
    if groups:
        assert not set(train["group"]) & set(holdout["group"])
    else:
        assert holdout["id"].min() >= len(frame) - short
        assert abs(len(holdout) - share * short) <= 1


def test_a_variant_without_a_row_in_its_window_says_so() -> None:
    config = config_of("all", None, "2h", split={"holdout": 0.9})
    train = hours(90)
    with pytest.raises(DataInvalid, match=r"variants\.v1: no training row is of its window 2h; widen it"):
        rows_of_variant(train, config, config.variants[1], START + timedelta(hours=1000))


def test_ingest_takes_the_longest_window_that_any_variant_asks_for(tmp_path: Path) -> None:
    hours(300).to_csv(tmp_path / "x.csv", index=False)
    source = {"type": "csv", "path": str(tmp_path / "x.csv")}
    assert len(training_rows(config_of("50h", None, "100h", source=source)).table) == 100
    assert len(training_rows(config_of("50h", "20h", source=source)).table) == 20, "nobody asks for the file's window"
    assert len(training_rows(config_of("50h", None, "all", source=source)).table) == 300
    before = config_of("all", None, source=source, asOf=START + timedelta(hours=120))
    assert len(training_rows(before).table) == 120


def test_a_window_is_a_duration_or_all_and_survives_its_json(training_file: Path) -> None:
    text = training_file.read_text()
    training_file.write_text(text.replace("window: 240h", "window: all"))
    config = load_config(training_file)
    assert config.window == "all"
    assert TrainingConfig.model_validate_json(config.model_dump_json(by_alias=True)) == config
    training_file.write_text(text.replace("- name: linear", "- name: linear\n    window: always"))
    with pytest.raises(SpecInvalid, match=r"training.yaml:16: variants\[0\].window: .always. is not a duration"):
        load_config(training_file)
