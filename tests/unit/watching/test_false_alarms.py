"""How often a healthy model alarms, and how soon a shifted one does, by simulation."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.analysis.verdict import Verdict
from serinus.core.divergence import SMOOTHING, psi, psi_bound
from serinus.core.watching.compare import compare
from serinus.core.watching.looks import ALPHA, DAY, FIRST_LOOKS, alpha_of_a_look, interval, monitor_of
from tests.unit.watching.watching_world import LOOK, WINDOW, Watching, asked, window

FEATURES, BINS, LOOKS = 20, 10, 48
DAYS = 600
REFERENCE_ROWS = 5000
ROWS_A_LOOK = 25
SHARES = np.r_[np.full(BINS - 1, 0.11), 0.01]  # nine deciles, and few missing values


def days_of_windows(seed: int, days: int = DAYS) -> tuple[np.ndarray, np.ndarray]:
    """(windows by day, look, feature and bin, each of the last 48 half hours; references by day, feature and bin)."""
    random = np.random.default_rng(seed)
    arrived = random.multinomial(ROWS_A_LOOK, SHARES, (days, 2 * LOOKS, FEATURES + 1))
    sums = np.cumsum(arrived, axis=1)
    return sums[:, LOOKS:] - sums[:, :LOOKS], random.multinomial(REFERENCE_ROWS, SHARES, (days, FEATURES + 1))


def psi_of(window: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """The textbook's formula over the last axis, smoothed as serinus.core.drift says."""
    p, q = window + SMOOTHING, reference + SMOOTHING
    p, q = p / p.sum(axis=-1, keepdims=True), q / q.sum(axis=-1, keepdims=True)
    return ((p - q) * np.log(p / q)).sum(axis=-1)


def test_a_day_of_looks_at_twenty_inputs_rarely_exceeds_what_chance_explains() -> None:
    """The bound alone, without what makes alarms rarer still: the least PSI, and three looks in a row."""
    windows, references = days_of_windows(11)
    bound = psi_bound(BINS, LOOKS * ROWS_A_LOOK, REFERENCE_ROWS, alpha_of_a_look(WINDOW) / (FEATURES + 1))
    seen = psi_of(windows, references[:, None])
    days_with_an_alarm = int((seen > bound).any(axis=(1, 2)).sum())
    error = 3 * np.sqrt(ALPHA * (1 - ALPHA) / DAYS)
    assert days_with_an_alarm / DAYS <= ALPHA + error, days_with_an_alarm
    naive = psi_bound(BINS, LOOKS * ROWS_A_LOOK, REFERENCE_ROWS, ALPHA)
    assert (seen > naive).any(axis=(1, 2)).mean() > 0.95, "uncorrected, nearly every day alarms"


def test_what_was_simulated_is_what_is_judged() -> None:
    windows, references = days_of_windows(12, days=1)
    monitor = monitor_of(asked())
    assert monitor is not None
    names = [f"input {index}" for index in range(FEATURES)]

    def named(counts: np.ndarray) -> dict[str, float]:
        return {str(index): float(count) for index, count in enumerate(counts)}

    found = window(
        {name: named(counts) for name, counts in zip(names, windows[0, 0], strict=False)},
        prediction=named(windows[0, 0, -1]),
        reference={name: named(counts) for name, counts in zip(names, references[0], strict=False)},
    )
    inputs, _ = compare(found, monitor)
    bound = psi_bound(BINS, LOOKS * ROWS_A_LOOK, REFERENCE_ROWS, alpha_of_a_look(WINDOW) / (FEATURES + 1))
    expected = psi_of(windows[0, 0, :-1], references[0, :-1])
    assert [one.numbers["psi"] for one in inputs] == pytest.approx(list(expected), abs=1e-9)
    assert {one.numbers["bound"] for one in inputs} == {bound}
    assert all(one.verdict is Verdict.PASS for one in inputs)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(100, 10_000), st.integers(100, 10_000)), min_size=2, max_size=12))
def test_full_bins_need_no_smoothing(pairs: list[tuple[int, int]]) -> None:
    """The formula with no row added at all, which the smoothed one comes near to where every bin is full."""
    q, p = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    q, p = q / q.sum(), p / p.sum()
    textbook = float(((p - q) * np.log(p / q)).sum())
    assert psi(*zip(*pairs, strict=True)) == pytest.approx(textbook, rel=0.02, abs=1e-3)
    scaled = [[count * 10**9 for count in side] for side in zip(*pairs, strict=True)]
    assert psi(*scaled) == pytest.approx(textbook, abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_a_real_shift_is_found_within_the_window(seed: int, shift: float) -> None:
    """Half a standard deviation has a PSI of 0.25, once the whole window is shifted."""
    random, edges = (
        np.random.default_rng(seed),
        np.quantile(np.random.default_rng(1).normal(size=100_000), np.arange(1, 10) / 10),
    )

    def half_hours(count: int, mean: float) -> np.ndarray:
        values = random.normal(mean, 1, (count, ROWS_A_LOOK))
        return np.array([np.bincount(np.searchsorted(edges, rows), minlength=BINS) for rows in values])

    shifts = {"temp": shift, "wind": 0.0}
    arrived = {name: np.vstack([half_hours(LOOKS, 0), half_hours(LOOKS + 3, mean)]) for name, mean in shifts.items()}
    even = {str(index): REFERENCE_ROWS / BINS for index in range(BINS)}
    watching = Watching()
    watching.look(None, timedelta())
    alarm = None
    for look in range(1, len(arrived["temp"]) + 1):
        counted = {name: rows[max(0, look - LOOKS) : look].sum(axis=0) for name, rows in arrived.items()}
        named = {name: {str(index): float(one) for index, one in enumerate(rows)} for name, rows in counted.items()}
        found = window(named, reference=dict.fromkeys(named, even), prediction=named["wind"])
        found = replace(found, features=named)
        if watching.look(found).status == "True" and alarm is None:
            alarm = look
            assert [one.name for one in watching.state.drift.worst if one.verdict is Verdict.FAIL] == ["temp"]
    assert alarm is not None
    assert LOOKS < alarm <= 2 * LOOKS + 3
    assert watching.notes() == ["Drifted"]


@pytest.mark.parametrize("hours", [1, 6, 24, 24 * 7])
def test_alpha_is_what_a_day_may_cost_however_often_it_is_looked_at(hours: int) -> None:
    span = timedelta(hours=hours)
    looks = max(DAY, span) / interval(span) + FIRST_LOOKS
    assert alpha_of_a_look(span) * looks == pytest.approx(ALPHA)
    assert interval(WINDOW) == LOOK
