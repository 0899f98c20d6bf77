"""Training rows and held-out rows: never the same, never of one group, never older."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.split.step import split
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig

Parts = tuple[pd.DataFrame, pd.DataFrame]


def config_of(**fields: Any) -> TrainingConfig:
    """A regression, so that any labels will do."""
    return TrainingConfig.model_validate(
        {
            "model": "m",
            "source": {"type": "csv", "path": "x"},
            "timeColumn": "at",
            "idColumns": ["id"],
            "target": "id",
            "task": "regression",
            "features": [{"name": "x", "type": "double"}],
            "window": "1h",
            "split": fields,
            "variants": [{"name": "v", "estimator": "sklearn.linear_model.Ridge"}],
        }
    )


def frame_of(moments: list[int], groups: list[int]) -> pd.DataFrame:
    """A row for each moment, in hours, with its group in turn."""
    times = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(sorted(moments), unit="h")
    return pd.DataFrame({"at": times, "id": range(len(moments)), "group": np.resize(groups, len(moments))})


def parts_of(frame: pd.DataFrame, **fields: Any) -> Parts | None:
    """The two parts, or None where one would be empty."""
    try:
        return split(frame, config_of(**fields))
    except DataInvalid as error:
        assert "rows after the split of m; widen window or change split.holdout" in str(error)  # noqa: PT017
        return None


tables = st.builds(
    frame_of,
    st.lists(st.integers(0, 30), min_size=1, max_size=80),
    st.lists(st.integers(0, 6), min_size=1, max_size=80),
)
shares = st.floats(0.05, 0.95)
ways = st.sampled_from(["time", "random"])
grouping = st.sampled_from([None, "group"])


@settings(max_examples=80)
@given(frame=tables, holdout=shares, by=ways, groups=grouping, seed=st.integers(0, 9))
def test_every_row_is_on_one_side_and_the_same_one_each_time(
    frame: pd.DataFrame, holdout: float, by: str, groups: str | None, seed: int
) -> None:
    parts = parts_of(frame, holdout=holdout, by=by, groups=groups, seed=seed)
    if parts is None:
        return
    train, held_out = parts
    assert sorted([*train["id"], *held_out["id"]]) == list(frame["id"])
    assert train["id"].is_monotonic_increasing
    again = parts_of(frame.copy(), holdout=holdout, by=by, groups=groups, seed=seed)
    assert again is not None
    pd.testing.assert_frame_equal(train, again[0])
    pd.testing.assert_frame_equal(held_out, again[1])


@settings(max_examples=80)
@given(frame=tables, holdout=shares, by=ways)
def test_no_group_is_on_both_sides(frame: pd.DataFrame, holdout: float, by: str) -> None:
    parts = parts_of(frame, holdout=holdout, by=by, groups="group")
    if parts is not None:
        assert set(parts[0]["group"]).isdisjoint(parts[1]["group"])


@settings(max_examples=80)
@given(frame=tables, holdout=shares)
def test_by_time_every_held_out_row_is_younger_than_every_training_row(frame: pd.DataFrame, holdout: float) -> None:
    parts = parts_of(frame, holdout=holdout)
    if parts is not None:
        assert parts[0]["at"].max() < parts[1]["at"].min()


@settings(max_examples=80)
@given(frame=tables, holdout=shares)
def test_by_time_every_held_out_group_has_a_row_younger_than_every_training_row(
    frame: pd.DataFrame, holdout: float
) -> None:
    parts = parts_of(frame, holdout=holdout, groups="group")
    if parts is not None:
        assert (parts[1].groupby("group")["at"].max() > parts[0]["at"].max()).all()


@settings(max_examples=80)
@given(frame=tables, holdout=shares, by=ways, groups=grouping)
def test_the_share_is_met_to_within_what_must_stay_together(
    frame: pd.DataFrame, holdout: float, by: str, groups: str | None
) -> None:
    """Too few rows by one at most, for rounding; too many by the rows of one moment, or of one group."""
    parts = parts_of(frame, holdout=holdout, by=by, groups=groups)
    if parts is None:
        return
    together = frame["group"] if groups else frame["id"]
    if by == "time":
        together = frame["at"].groupby(together).transform("max")
    extra = len(parts[1]) - holdout * len(frame)
    assert -1 < extra <= together.value_counts().max()


def test_three_rows_in_ten_are_held_out_by_default(config: TrainingConfig, trips: pd.DataFrame) -> None:
    train, held_out = split(trips, config)
    assert (len(train), len(held_out)) == (280, 120)


def test_another_seed_draws_other_rows() -> None:
    frame = frame_of(list(range(50)), [0])
    first, second = (parts_of(frame, by="random", seed=seed) for seed in (0, 1))
    assert first is not None
    assert second is not None
    assert list(first[1]["id"]) != list(second[1]["id"])


def test_older_rows_of_a_held_out_group_are_held_out_with_it() -> None:
    frame = frame_of(list(range(10)), [0]).assign(group=["a", "b", "b", "c", "c", "d", "d", "e", "e", "a"])
    parts = parts_of(frame, groups="group")
    assert parts is not None
    assert list(parts[0]["group"].unique()) == ["b", "c", "d"]
    assert list(parts[1]["id"]) == [0, 7, 8, 9]


def test_rows_without_a_group_stay_together() -> None:
    frame = frame_of(list(range(40)), [0]).assign(group=[None, "a", "b", "c"] * 10)
    parts = parts_of(frame, by="random", groups="group")
    assert parts is not None
    assert parts[0]["group"].isna().any() != parts[1]["group"].isna().any()


def test_one_group_alone_cannot_be_split() -> None:
    with pytest.raises(DataInvalid, match=r"no training rows .*, or group by another column than group"):
        split(frame_of([1, 2, 3, 4], [0]), config_of(by="random", groups="group"))


def test_no_rows_cannot_be_split() -> None:
    with pytest.raises(DataInvalid, match="no rows to split for m; widen window"):
        split(frame_of([1], [0])[:0], config_of())


def test_copies_on_one_side_are_no_overlap() -> None:
    frame = frame_of(list(range(20)), [0])
    train, held_out = split(pd.concat([frame, frame[-3:]], ignore_index=True), config_of())
    assert held_out["id"].duplicated().sum() == 3
    assert not train["id"].duplicated().any()


def test_the_same_row_on_both_sides_is_refused_with_an_example() -> None:
    frame = frame_of(list(range(60)), [0])
    copies = pd.concat([frame, frame], ignore_index=True)
    with pytest.raises(DataInvalid, match=r"\d+ held-out row\(s\) of m are training rows too, as at 2024-.*, id \d+; "):
        split(copies, config_of(by="random"))


def test_rows_that_differ_in_one_value_are_no_overlap() -> None:
    frame = frame_of([1] * 60, [0])
    train, held_out = split(frame, config_of(by="random"))
    assert (len(train), len(held_out)) == (42, 18)


@pytest.mark.parametrize("by", ["time", "random"])
def test_a_part_with_one_class_is_refused(config: TrainingConfig, trips: pd.DataFrame, by: str) -> None:
    one = TrainingConfig.model_validate(config.model_dump() | {"split": {"by": by}})
    with pytest.raises(DataInvalid, match=r'all \d+ (training|held-out) rows of trips have the same "late"'):
        split(trips.assign(late=(trips.index == 0).astype(int)), one)
