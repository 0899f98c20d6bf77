"""The recording rules on a real Prometheus: what they derive is what core.drift says of the same increments."""

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from serinus.core import drift
from serinus.core.analysis.counts import is_failure
from tests.charts.rendered import ROOT
from tests.cluster.monitoring import promtool
from tests.cluster.monitoring.conftest import Start
from tests.cluster.monitoring.pages import page
from tests.cluster.monitoring.server import Prometheus, Target

RULES = ROOT / "manifests" / "prometheus" / "recording-rules.yaml"
UNIT_TESTS = Path(__file__).with_name("recording-rules.test.yaml")
LABELS = 'deployment="ml/flights",revision="aaa"'
FOUR_DEVIATIONS = 3.1671241833119965e-05
MIN_ROWS = 500

Histogram = Mapping[str, float]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The committed rules, looked at several times a second."""
    fast = tmp_path / "rules.yml"
    fast.write_text(RULES.read_text().replace("interval: 1m", "interval: 500ms"))
    return fast


def drawn(seed: int) -> dict[str, tuple[Histogram, Histogram]]:
    """(reference, window) by feature, each of them odd in its own way."""
    chance = random.Random(seed)
    bins = [*map(str, range(11)), "missing"]

    def some(few: int, many: int) -> dict[str, float]:
        return {name: chance.randint(few, many) for name in bins}

    return {
        "moved": (some(100, 900), some(100, 900)),
        "same": (some(300, 310), some(300, 310)),
        "one bin empty": (some(100, 200), some(100, 200) | {"3": 0}),
        "empty on both sides": (some(50, 60) | {"3": 0, "missing": 0}, some(50, 60) | {"3": 0, "missing": 0}),
        'named "oddly", \\ ü': (
            {'a"b': 500, "c\\d": 400, "other": 0, "é": 7},
            {'a"b': 100, "c\\d": 800, "other": 9, "é": 0},
        ),
        "of one value": ({"0": 5000, "missing": 0}, {"0": 700, "missing": 0}),
        "too few rows": (some(100, 900), dict.fromkeys(bins, 1)),
        "empty reference": (dict.fromkeys(bins, 0), some(100, 900)),
    }


def text(drawn: Mapping[str, tuple[Histogram, Histogram]], grown: bool) -> str:
    """A predictor's page, before and after the rows of the window."""
    lines = []
    for feature, (reference, window) in drawn.items():
        for name in reference:
            labels = f'{LABELS},feature="{_escaped(feature)}",bin="{_escaped(name)}"'
            lines.append(f"serinus_reference_rows{{{labels}}} {reference[name]}")
            lines.append(f"serinus_feature_bin_total{{{labels}}} {window[name] if grown else 0}")
    reference, window = drawn["moved"]
    for name in reference:
        lines.append(f'serinus_reference_prediction_rows{{{LABELS},bin="{name}"}} {reference[name]}')
        lines.append(f'serinus_prediction_bin_total{{{LABELS},bin="{name}"}} {window[name] if grown else 0}')
    return "\n".join(lines) + "\n"


def by_feature(found: Prometheus, recorded: str, at: float) -> dict[str, float]:
    return {one["metric"].get("feature", ""): float(one["value"][1]) for one in found.query(recorded, at)}


def histograms(found: Prometheus, recorded: str, at: float) -> dict[str, dict[str, float]]:
    grouped: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for one in found.query(recorded, at):
        grouped[one["metric"].get("feature", "")][one["metric"]["bin"]] = float(one["value"][1])
    return grouped


def measured(found: Prometheus, recorded: str, seconds: float = 15) -> float:
    """When the rules had last recorded it, of all of one look the same time."""
    found.wait_for(f"{recorded} > 0", seconds)
    series: dict[str, Any] = found.query(f"timestamp({recorded})")[0]
    return float(series["value"][1])


@pytest.mark.parametrize("seed", [1, 2])
def test_psi_tvd_and_bounds_are_those_of_the_core_to_nine_decimals(
    start_prometheus: Start, rules: Path, seed: int
) -> None:
    rows = drawn(seed)
    with page(text(rows, grown=False)) as exporter:
        found = start_prometheus(Target(exporter.address), rules=[rules])
        found.wait_for("serinus_feature_bin_total")
        exporter.text = text(rows, grown=True)
        at = measured(found, "serinus:feature_psi:1h")
    counted = histograms(found, "serinus:feature_bin:increase1h", at)
    reference = histograms(found, "serinus:reference_rows", at)
    psi, tvd = by_feature(found, "serinus:feature_psi:1h", at), by_feature(found, "serinus:feature_tvd:1h", at)
    chance = by_feature(found, "serinus:feature_psi_chance:1h", at)
    assert psi.keys() == tvd.keys() == rows.keys() - {"too few rows", "empty reference"}
    assert counted.keys() == rows.keys()
    for feature in psi:
        limits = drift.DriftLimits(min_samples=MIN_ROWS, alpha=FOUR_DEVIATIONS)
        numbers = drift.judge_drift(feature, reference[feature], counted[feature], limits, comparisons=1).numbers
        assert psi[feature] == pytest.approx(numbers["psi"], abs=1e-9)
        assert tvd[feature] == pytest.approx(numbers["tvd"], abs=1e-9)
        if numbers["bound"]:
            assert numbers["bound"] <= chance[feature] <= 1.1 * numbers["bound"]


def test_the_prediction_is_measured_as_a_feature_is(start_prometheus: Start, rules: Path) -> None:
    rows = drawn(3)
    with page(text(rows, grown=False)) as exporter:
        found = start_prometheus(Target(exporter.address), rules=[rules])
        found.wait_for("serinus_prediction_bin_total")
        exporter.text = text(rows, grown=True)
        at = measured(found, "serinus:prediction_psi:1h")
    for measure in ("psi", "tvd", "psi_chance"):
        of_prediction = found.value(f"serinus:prediction_{measure}:1h", at)
        assert of_prediction == pytest.approx(
            by_feature(found, f"serinus:feature_{measure}:1h", at)["moved"], rel=1e-12
        )


def test_the_rules_and_the_core_count_the_same_codes_as_errors() -> None:
    wanted, unwanted = re.findall(r'code=~"([^"]+)", code!~"([^"]+)"', RULES.read_text())[0]
    for code in range(100, 600):
        told = bool(re.fullmatch(wanted, str(code))) and not re.fullmatch(unwanted, str(code))
        assert told == is_failure(code), code


def test_prometheus_would_load_the_rules_and_their_unit_tests_hold(tmp_path: Path) -> None:
    for file in (RULES, UNIT_TESTS):
        shutil.copy(file, tmp_path)
    promtool.check_rules(tmp_path / RULES.name)
    promtool.run_tests(tmp_path / UNIT_TESTS.name)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
