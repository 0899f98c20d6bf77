"""What lint says of spec.monitoring.drift."""

import pytest
from lint_texts import with_spec

from serinus.core.divergence import psi_bound
from serinus.core.spec import DriftMonitor
from serinus.core.watching.looks import alpha_of_a_look
from serinus.lint import Level, lint_text
from serinus.lint.drift import least_rows


def said(text: str, requests_per_minute: float | None = None) -> dict[str, str]:
    """Warnings about drift, by path; there is no error."""
    problems = lint_text(text, "file.yaml", requests_per_minute)
    assert [problem for problem in problems if problem.level is Level.ERROR] == []
    return {problem.path: problem.message for problem in problems if problem.path.startswith("spec.monitoring")}


def test_the_defaults_need_no_advice() -> None:
    assert said(with_spec("monitoring: {drift: {}}")) == {}
    assert said(with_spec("monitoring: {drift: {}}"), 1.0) == {}
    assert said(with_spec("monitoring: {}"), 1.0) == {}


def test_a_window_that_never_has_enough_rows_is_told_with_one_that_has() -> None:
    found = said(with_spec("monitoring: {drift: {window: 1h}}"), 5)
    assert found["spec.monitoring.drift.window"] == (
        "at 5 requests a minute (given), of one row each, a window of 1h has 300 rows, and minSamples asks for 500: drift stays "
        "Unknown; use a window of 1h40m or more, or fewer minSamples"
    )
    assert said(with_spec("monitoring: {drift: {window: 1h40m}}"), 5) == {}


def test_a_psi_that_chance_explains_is_told_with_the_rows_it_takes() -> None:
    found = said(with_spec("monitoring: {drift: {psi: 0.05}}"))["spec.monitoring.drift.psi"]
    assert found.startswith(
        "chance alone explains a PSI of 0.079 in 500 rows (a look every 30m), so 0.05 is judged only from"
    )
    rows = least_rows(DriftMonitor(psi=0.05))
    assert f"from {rows:,} rows on" in found
    assert said(with_spec(f"monitoring: {{drift: {{psi: 0.05, minSamples: {rows}}}}}")) == {}


def test_the_rows_that_are_named_are_enough_and_one_less_is_not() -> None:
    monitor = DriftMonitor(psi=0.05)
    alpha, rows = alpha_of_a_look(monitor.window) / 21, least_rows(monitor)
    assert psi_bound(12, rows, float("inf"), alpha) <= 0.05 < psi_bound(12, rows - 1, float("inf"), alpha)


@pytest.mark.parametrize(
    ("runtime", "words"), [("serinus", ""), ("kserve-mlserver", "does not count its inputs by bin")]
)
def test_a_runtime_that_counts_no_bins_is_told(runtime: str, words: str) -> None:
    found = said(with_spec(f"serving: {{runtime: {runtime}}}", "monitoring: {drift: {}}"))
    assert words in found.get("spec.monitoring.drift", "")
    assert bool(found) == bool(words)
