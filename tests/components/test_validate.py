"""The rules that training data must keep, and how broken ones are told."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from components.validate.last import LastGood
from components.validate.report import html_report, summary
from components.validate.rules import RuleCheck, broken_of
from components.validate.step import check_snapshot, refuse_broken, validate, violations
from serinus.core.errors import DataInvalid
from serinus.training.config import TrainingConfig
from serinus.training.values import DataCard

NOW = datetime(2024, 1, 12, tzinfo=UTC)
DAY_BEFORE = LastGood(digest="sha256:abcdef0123456789", rows=400, time=datetime(2024, 1, 10, 6, tzinfo=UTC))


def card_of(frame: pd.DataFrame, **fields: Any) -> DataCard:
    known = {"source": "trips.csv", "rows": len(frame), "rows_in_window": len(frame), "first": "", "last": ""}
    return DataCard.model_validate(known | {"digest": "sha256:12", "columns": ()} | fields)


def check(frame: pd.DataFrame, config: TrainingConfig, **fields: Any) -> list[RuleCheck]:
    return check_snapshot(frame, card_of(frame, **fields), config, now=NOW, last=DAY_BEFORE)


def with_rules(config: TrainingConfig, **rules: Any) -> TrainingConfig:
    return TrainingConfig.model_validate(config.model_dump() | {"table": rules})


def with_feature(config: TrainingConfig, name: str, **fields: Any) -> TrainingConfig:
    features = [f.model_dump() | (fields if f.name == name else {}) for f in config.features]
    return TrainingConfig.model_validate(config.model_dump() | {"features": features})


def as_regression(config: TrainingConfig) -> TrainingConfig:
    return TrainingConfig.model_validate(config.model_dump() | {"task": "regression"})


def told(checks: list[RuleCheck], column: str, rule: str) -> RuleCheck:
    return next(one for one in checks if (one.column, one.rule) == (column, rule))


def test_rows_alone_can_be_validated(config: TrainingConfig, trips: pd.DataFrame) -> None:
    validate(trips, config)
    assert [one.rule for one in violations(trips.assign(distance=-1.0), config)] == ["range"]
    with pytest.raises(DataInvalid, match=r"distance  range  400   expected 0 to inf, found -1"):
        validate(trips.assign(distance=-1.0), config)


def test_rows_that_keep_the_schema_pass(config: TrainingConfig, trips: pd.DataFrame) -> None:
    checks = check(trips, config)
    assert broken_of(checks) == []
    refuse_broken(checks, config)


def _words(frame: pd.DataFrame) -> pd.DataFrame:
    """As a column with one word arrives: all of it as text."""
    texts = frame["distance"].round(1).astype(str)
    return frame.assign(distance=texts.where(frame.index != 3, "far"))


# What becomes of the trips, the column and rule that break, in how many rows, and what is said of it.
BROKEN: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str, str, int, str]] = {
    "missing column": (
        lambda f: f.drop(columns="wind"), "wind", "missing column", 0, "is declared but the source does not have it"),
    "a word among numbers": (
        _words, "distance", "wrong type", 1,
        "expected double, found 'far'; the column holds 399 number as text, 1 text"),
    "numbers as text": (
        lambda f: f.assign(stops=f["stops"].astype(str)), "stops", "wrong type", 400, "400 number as text"),
    "numbers and words as they are": (
        lambda f: f.assign(stops=[1, "two"] * 200), "stops", "wrong type", 200, "found 'two'; the column holds 200 "),
    "times": (
        lambda f: f.assign(distance=f["at"]), "distance", "wrong type", 400, "found '2024-01-01 00:00:00+00:00'"),
    "an infinity": (
        lambda f: f.assign(wind=f["wind"].where(f.index != 5, -np.inf)), "wind", "infinite", 1,
        "expected finite numbers, found -inf"),
    "a fraction": (
        lambda f: f.assign(stops=f["stops"] + 0.5), "stops", "wrong type", 400, "expected integer, found "),
    "a flag as number": (
        lambda f: f.assign(rainy=1), "rainy", "wrong type", 400, "expected boolean, found 1"),
    "a word among flags": (
        lambda f: f.assign(rainy=f["rainy"].astype(str).where(f.index > 0, "wet")), "rainy", "wrong type", 1,
        "expected boolean, found 'wet'; the column holds 399 boolean as text, 1 text"),
    "a flag as a double": (
        lambda f: f.assign(distance=True), "distance", "wrong type", 400, "expected double, found 'True'"),
    "a number as text": (
        lambda f: f.assign(carrier=7), "carrier", "wrong type", 400, "expected string, found 7"),
    "numbers among texts": (
        lambda f: f.assign(carrier=["AA", 7] * 200), "carrier", "wrong type", 200, "200 text"),
    "lists": (
        lambda f: f.assign(carrier=[["AA", "B6"]] * 400), "carrier", "nested values", 400, "lists or records"),
    "labels in records": (
        lambda f: f.assign(late=[{"late": 1}] * 400), "late", "nested values", 400, "lists or records"),
    "nulls": (
        lambda f: f.assign(distance=f["distance"].where(f.index > 1)), "distance", "nulls", 2,
        "values are missing but nullable is false"),
    "nothing but nulls": (
        lambda f: f.assign(wind=np.nan), "wind", "no values", 0, "every value is missing"),
    "nothing at all": (
        lambda f: f.assign(wind=None), "wind", "no values", 0, "every value is missing"),
    "below the minimum": (
        lambda f: f.assign(distance=-1.0), "distance", "range", 400, "expected 0 to inf, found -1"),
    "a third class": (
        lambda f: f.assign(late=f.index % 3), "late", "classes", 133, "expected 0 or 1, found 2"),
    "classes as text": (
        lambda f: f.assign(late=f["late"].astype(str)), "late", "classes", 400, "expected 0 or 1, found '0', '1'"),
    "one class": (
        lambda f: f.assign(late=0), "late", "equal labels", 0, "all 400 labels are 0, so there is nothing to learn"),
    "no label": (
        lambda f: f.assign(late=f["late"].where(f.index > 4)), "late", "nulls", 5, "the target is missing"),
    "duplicates": (
        lambda f: pd.concat([f, f[:6]], ignore_index=True), "*", "duplicate rows", 6,
        "rows repeat an earlier one exactly, as row 401"),
    "no rows": (
        lambda f: f[:0], "at", "empty window", 0, "the source has no row"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_each_violation_is_in_the_table(name: str, config: TrainingConfig, trips: pd.DataFrame) -> None:
    change, column, rule, rows, message = BROKEN[name]
    checks = check(change(trips), config)
    broken = broken_of(checks)
    assert [(one.column, one.rule, one.rows) for one in broken] == [(column, rule, rows)]
    assert message in broken[0].message
    with pytest.raises(DataInvalid) as caught:
        refuse_broken(checks, config, "s3://lake/latest/trips.html")
    head, _, line = str(caught.value).splitlines()
    assert head == (
        "training data of trips breaks 1 rule(s) of its schema; correct the source or the training file "
        "(the whole report: s3://lake/latest/trips.html):"
    )
    assert line.split(maxsplit=1)[0] == column
    assert line.endswith(broken[0].message)


def test_all_violations_are_told_at_once(config: TrainingConfig, trips: pd.DataFrame) -> None:
    frame = _words(trips).drop(columns="stops").assign(wind=np.inf, late=1)
    broken = broken_of(check(frame, config))
    assert {one.rule for one in broken} == {"wrong type", "missing column", "infinite", "equal labels"}


def test_an_empty_window_is_told_with_its_bounds(config: TrainingConfig, trips: pd.DataFrame) -> None:
    dated = config.model_copy(update={"as_of": NOW})
    missing, empty = broken_of(check(trips[:0].drop(columns="wind"), dated))
    assert (missing.column, missing.rule) == ("wind", "missing column")
    assert empty.message == "no row in the 240h before 2024-01-12T00:00:00+00:00; widen window or correct asOf"


def test_a_new_name_is_looked_for_among_the_undeclared_columns(config: TrainingConfig, trips: pd.DataFrame) -> None:
    checks = check(trips.drop(columns="carrier"), config, undeclared=("CARRIER_CODE", "plane"))
    assert told(checks, "carrier", "missing column").message.endswith("it; was it renamed to 'CARRIER_CODE'?")


def test_a_category_that_is_not_allowed_is_named(config: TrainingConfig, trips: pd.DataFrame) -> None:
    strict = with_feature(config, "carrier", categories=("AA", "UA"))
    (broken,) = broken_of(check(trips, strict))
    assert (broken.rule, broken.rows) == ("category", (trips["carrier"] == "B6").sum())
    assert broken.message == "expected one of 'AA', 'UA', found 'B6'"


def test_values_above_the_maximum_are_counted(config: TrainingConfig, trips: pd.DataFrame) -> None:
    (broken,) = broken_of(check(trips, with_feature(config, "stops", maximum=2)))
    assert (broken.rule, broken.rows, broken.message) == (
        "range", (trips["stops"] > 2).sum(), "expected -inf to 2, found 3",
    )  # fmt: skip


def test_a_range_without_values_is_refused_in_the_training_file(config: TrainingConfig) -> None:
    with pytest.raises(ValidationError, match="minimum 5 is above maximum 1; exchange them"):
        with_feature(config, "stops", minimum=5, maximum=1)


def test_rows_with_one_key_are_told(config: TrainingConfig, trips: pd.DataFrame) -> None:
    keyed = with_rules(config, unique=(("trip",), ("at", "carrier")))
    assert broken_of(check(trips, keyed)) == []
    (broken,) = broken_of(check(trips.assign(trip=[7, 7, *range(10, 408)]), keyed))
    assert (broken.column, broken.rule, broken.rows) == ("*", "not unique", 1)
    assert broken.message.startswith("rows repeat the key of an earlier one, as trip 7; ")


def test_a_key_without_its_column_is_told_as_the_missing_column(config: TrainingConfig, trips: pd.DataFrame) -> None:
    keyed = with_rules(config, unique=(("trip",),))
    (broken,) = broken_of(check(trips.drop(columns="trip"), keyed))
    assert (broken.column, broken.rule) == ("trip", "missing column")


def test_a_row_without_a_group_is_told(config: TrainingConfig, trips: pd.DataFrame) -> None:
    grouped = TrainingConfig.model_validate(config.model_dump() | {"split": {"groups": "crew"}})
    crews = pd.Series(["a", "b", None, "c"] * 100)
    (broken,) = broken_of(check(trips.assign(crew=crews), grouped))
    assert (broken.column, broken.rule, broken.rows) == ("crew", "nulls", 100)


def test_a_switch_in_the_environment_does_not_turn_the_rules_off(config: TrainingConfig, trips: pd.DataFrame) -> None:
    from pandera.config import config_context

    with config_context(validation_enabled=False):
        assert broken_of(check(trips.assign(distance=-1.0), config))


@pytest.mark.parametrize(
    ("as_of", "max_age", "said"),
    [
        (None, "36h", None),
        (None, "24h", r"11T00:00:00\+00:00|2024-01-10T23:24:00\+00:00, 24h36m before now \(2024-01-12"),
        (datetime(2024, 1, 11, tzinfo=UTC), "24h", None),
        (datetime(2024, 1, 20, tzinfo=UTC), "24h", r"23:24:00\+00:00, 9 days before asOf \(2024-01-20"),
    ],
)
def test_old_rows_are_stale(
    config: TrainingConfig, trips: pd.DataFrame, as_of: datetime | None, max_age: str, said: str | None
) -> None:
    fresh = with_rules(config, max_age=max_age).model_copy(update={"as_of": as_of})
    broken = broken_of(check(trips, fresh))
    assert [one.rule for one in broken] == ([] if said is None else ["stale"])
    assert said is None or pd.Series(broken[0].message).str.contains(said).all()


def test_too_few_rows_are_told(config: TrainingConfig, trips: pd.DataFrame) -> None:
    (broken,) = broken_of(check(trips, with_rules(config, min_rows=1000)))
    assert broken.message.startswith("the window has 400 rows; ")
    sampled = check(trips, with_rules(config, min_rows=1000), rows_in_window=5000)
    assert broken_of(sampled) == [], "what counts is the window, not the sample of it"


@pytest.mark.parametrize(("rows", "said"), [(480, None), (320, None), (481, "20.2% more"), (319, "20.2% fewer")])
def test_a_jump_in_the_number_of_rows_is_told(
    config: TrainingConfig, trips: pd.DataFrame, rows: int, said: str | None
) -> None:
    checks = check(trips, with_rules(config, max_row_change=0.2), rows_in_window=rows)
    rule = told(checks, "*", "row count changed")
    assert rule.verdict == ("Fail" if said else "Pass")
    assert f"{said or '20.0%'}" in rule.message
    assert "the 400 of the last good snapshot (sha256:abcdef01, 2024-01-10 06:00)" in rule.message


def test_the_first_run_has_nothing_to_compare_its_rows_with(config: TrainingConfig, trips: pd.DataFrame) -> None:
    counted = with_rules(config, max_row_change=0.2)
    checks = check_snapshot(trips, card_of(trips), counted, now=NOW, last=None)
    rule = told(checks, "*", "row count changed")
    assert rule.verdict == "Skipped"
    assert rule.message.startswith("nothing to compare with")
    assert broken_of(checks) == []


def _noisy(labels: "pd.Series[int]", share: float) -> "pd.Series[int]":
    """The labels, turned over in a share of the rows."""
    turned = np.random.default_rng(1).random(len(labels)) < share
    return labels.where(~turned, 1 - labels)


LEAKS: dict[str, tuple[str, Callable[[pd.DataFrame], Any]]] = {
    "a number that grows with the label": ("distance", lambda f: f["late"] + np.linspace(0, 0.5, len(f))),
    "a number that falls with the label": ("distance", lambda f: 2 - f["late"]),
    "a number that is missing with the label": ("wind", lambda f: f["wind"].fillna(1).where(f["late"] == 0)),
    "a number where there is one": ("wind", lambda f: (f["late"] * 5.0).where(f.index % 3 > 0)),
    "a category of each label": ("carrier", lambda f: f["late"].map({0: "ok", 1: "delayed"})),
    "many categories of one label each": ("carrier", lambda f: f["late"].astype(str) + (f.index % 7).astype(str)),
    "a flag": ("rainy", lambda f: f["late"] == 0),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_feature_that_alone_predicts_the_label_is_named(
    name: str, config: TrainingConfig, trips: pd.DataFrame
) -> None:
    column, leak = LEAKS[name]
    (broken,) = broken_of(check(trips.assign(**{column: leak(trips)}), config))
    assert (broken.column, broken.rule) == (column, "leak")
    assert "alone it predicts the label with AUC 1.0000" in broken.message


def test_a_category_that_is_missing_with_the_label_is_named(config: TrainingConfig, trips: pd.DataFrame) -> None:
    nullable = with_feature(config, "carrier", nullable=True)
    (broken,) = broken_of(check(trips.assign(carrier=trips["carrier"].where(trips["late"] == 0)), nullable))
    assert (broken.column, broken.rule) == ("carrier", "leak")


def test_of_many_rows_a_sample_with_both_labels_is_judged(
    config: TrainingConfig, trips: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.validate.leakage.MAX_ROWS", 100)
    rare = trips.assign(late=(trips.index % 10 == 0).astype(int)).assign(distance=lambda f: f["late"])
    checks = check(rare, config)
    assert [one.column for one in broken_of(checks)] == ["distance"]
    assert check(rare, config) == checks, "the same rows are judged each time"


def test_a_good_feature_is_no_leak(config: TrainingConfig, trips: pd.DataFrame) -> None:
    good = trips.assign(rainy=_noisy(trips["late"], 0.1) == 1, distance=_noisy(trips["late"], 0.1))
    assert broken_of(check(good, config)) == []
    strict = with_rules(config, max_single_feature_auc=0.85)
    assert {one.column for one in broken_of(check(good, strict))} == {"rainy", "distance"}


def test_a_name_for_each_row_is_no_leak(config: TrainingConfig, trips: pd.DataFrame) -> None:
    names = trips.assign(carrier=[f"N{i}" for i in range(len(trips))])
    assert told(check(names, config), "carrier", "leak").message == "AUC 0.500"


def test_a_leak_in_a_regression_is_named(config: TrainingConfig, trips: pd.DataFrame) -> None:
    one = as_regression(config)
    delay = trips.assign(late=trips["distance"].rank() ** 2)
    (broken,) = broken_of(check(delay, one))
    assert (broken.column, broken.rule) == ("distance", "leak")
    assert "rank correlation 1.0000" in broken.message
    assert broken_of(check(delay.assign(distance=trips["distance"].sample(frac=1, ignore_index=True)), one)) == []


def test_few_rows_judge_no_leak(config: TrainingConfig, trips: pd.DataFrame) -> None:
    few = trips[:40].assign(late=[1] * 10 + [0] * 30, distance=[5.0] * 10 + [1.0] * 30)
    checks = check(few, config)
    assert broken_of(checks) == []
    assert told(checks, "distance", "leak").verdict == "Skipped"


@pytest.mark.parametrize("labels", [[np.inf] + [1.0] * 399, ["far"] * 400, [1.5] * 400])
def test_the_labels_of_a_regression_are_finite_numbers_that_differ(
    config: TrainingConfig, trips: pd.DataFrame, labels: list[object]
) -> None:
    broken = broken_of(check(trips.assign(late=labels), as_regression(config)))
    assert {one.column for one in broken} == {"late"}


def test_the_report_tells_every_rule_and_needs_nothing_else(config: TrainingConfig, trips: pd.DataFrame) -> None:
    checks = check(trips.assign(distance=-1.0), config)
    page = html_report(checks, card_of(trips), config)
    assert page.count("<tr>") == len(checks) + 1
    assert summary(checks) in page
    assert page.index('class="Fail">broken') < page.index('class="Pass">kept')
    assert "expected 0 to inf, found -1" in page
    assert "http" not in page
    assert "<script" not in page


def test_what_comes_from_data_is_escaped_in_the_report(config: TrainingConfig, trips: pd.DataFrame) -> None:
    strict = with_feature(config, "carrier", categories=("AA", "B6"))
    evil = trips.assign(carrier=trips["carrier"].where(trips["carrier"] != "UA", "<script>alert(1)</script>"))
    page = html_report(check(evil, strict), card_of(trips, source="<b>.csv"), strict)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;.csv" in page
