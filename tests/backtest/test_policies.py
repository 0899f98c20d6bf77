"""What each policy does to a model whose concept turns round after thirty days."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serinus.backtest.page import render
from serinus.backtest.result import BacktestResult
from tests.backtest.support import DEPLOYMENT, Place, make_history

TURNED = datetime.fromisoformat("2024-01-31T00:00:00+00:00")
LABELS = ["--label-delay", "2h"]
MONDAYS = ["01-15", "01-22", "01-29", "02-05", "02-12", "02-19"]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    place = Place.of(tmp_path_factory.mktemp("policies"))
    return place.result(*LABELS)


def policy(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["policies"] if one["policy"] == name)


def causes(one: dict[str, Any]) -> set[str]:
    return {cause for run in one["runs"] for cause in run["causes"]}


def test_never_trains_once_and_ends_up_worse_than_chance(found: dict[str, Any]) -> None:
    never = policy(found, "never")
    assert (never["retrains"], never["promotions"], never["runs"]) == (0, 0, [])
    assert never["periods"][0]["metrics"]["auc"] > 0.85
    assert never["periods"][-1]["metrics"]["auc"] < 0.2
    assert never["servedByWorse"] == 0, "there was no other version"


def test_a_schedule_trains_every_monday_and_promotes_what_it_trained(found: dict[str, Any]) -> None:
    scheduled = policy(found, "scheduled")
    days = [datetime.fromisoformat(run["at"]) for run in scheduled["runs"]]
    assert [f"{day:%m-%d %a}" for day in days] == [f"{day} Mon" for day in MONDAYS]
    assert scheduled["promotions"] == len(MONDAYS)
    assert causes(scheduled) == {"Schedule"}
    assert {version["outcome"] for version in scheduled["versions"][1:]} == {"promoted"}
    assert scheduled["refusedByGate"] == scheduled["refusedByCanary"] == 0


def test_a_turned_concept_is_no_drift_of_the_inputs(found: dict[str, Any]) -> None:
    assert policy(found, "drift")["retrains"] == 0
    assert policy(found, "drift")["metrics"] == policy(found, "never")["metrics"]


def test_drifted_inputs_start_a_training(place: Place) -> None:
    place.write(make_history(drifts=True))
    drift = policy(place.result(*LABELS, "--policy", "drift"), "drift")
    assert causes(drift) == {"Drift"}
    first = datetime.fromisoformat(drift["runs"][0]["at"])
    assert (first - TURNED).days in range(2, 6), "an alarm takes three looks, and the window is three days"


def test_labels_tell_that_the_concept_has_turned(found: dict[str, Any]) -> None:
    quality, never = policy(found, "quality"), policy(found, "never")
    assert causes(quality) == {"Quality"}
    (fall, *_) = quality["falls"]
    assert abs(datetime.fromisoformat(fall["fellAt"]) - TURNED).days <= 1
    assert 0 < quality["detectionDelayHours"] < 8 * 24
    assert (
        quality["detectionDelayHours"]
        == (datetime.fromisoformat(fall["detectedAt"]) - datetime.fromisoformat(fall["fellAt"])).total_seconds() / 3600
    )
    assert [one["detectedAt"] for one in never["falls"]] == [None]


def test_the_gate_and_the_canary_refuse_apart(found: dict[str, Any]) -> None:
    gated = policy(found, "gated")
    refused = [run for run in gated["runs"] if run["outcome"] == "not better"]
    assert gated["refusedByGate"] == len(refused) > 0
    assert all(run["version"] == "" for run in refused)
    by_canary = [one for one in gated["versions"] if one["outcome"] == "refused by the canary"]
    assert gated["refusedByCanary"] == len(by_canary)
    promoted = [one for one in gated["versions"] if one["outcome"] == "promoted"]
    assert gated["promotions"] == len(promoted) >= 1
    assert all(one["reason"] == "AllSignalsPassed" for one in promoted)
    assert gated["metrics"]["brier"] < policy(found, "never")["metrics"]["brier"]


def test_the_months_add_up_to_the_whole(found: dict[str, Any]) -> None:
    for one in found["policies"]:
        rows = [period["labelled"] for period in one["periods"]]
        brier = np.average([period["metrics"]["brier"] for period in one["periods"]], weights=rows)
        assert brier == pytest.approx(one["metrics"]["brier"])
        assert sum(period["requests"] for period in one["periods"]) == one["requests"]
        assert sum(version["requests"] for version in one["versions"]) == one["requests"]


def test_requests_by_a_worse_version_are_those_of_versions_that_hindsight_calls_worse(found: dict[str, Any]) -> None:
    for one in found["policies"]:
        worse = [v["requests"] for v in one["versions"] if v["hindsight"] and v["hindsight"]["worse"]]
        assert one["servedByWorse"] == sum(worse)
        assert all(v["hindsight"]["high"] < 0 for v in one["versions"] if v["hindsight"] and v["hindsight"]["worse"])


def without_seconds(text: str) -> str:
    return re.sub(r'"(seconds|trainingSeconds)": [0-9.e-]+', '"seconds"', text)


def test_the_same_seed_gives_the_same_result_whether_fits_are_new_or_kept(place: Place) -> None:
    asked = ["--json", *LABELS, "--start", "2024-02-10", "--policy", "gated,scheduled", "--seed", "7"]
    first, anew, again = (place.ask(*asked, state=state) for state in ("one", "two", "one"))
    assert without_seconds(first.stdout) == without_seconds(anew.stdout) == without_seconds(again.stdout)
    assert "0 fits were new" in again.stderr
    other = place.ask(*asked[:-1], "8", state="one")
    assert without_seconds(other.stdout) != without_seconds(first.stdout), "others are asked by the canary"


def test_policies_share_fits(place: Place) -> None:
    done = place.ask("--policy", "scheduled,gated", *LABELS, "--start", "2024-02-15")
    told = [line for line in done.stderr.splitlines() if "fits were new" in line]
    assert "2 fits were new" in told[0]
    assert "0 fits were new" in told[1], "gated trains on the same Monday from the same rows"


def test_a_policy_may_train_one_variant_alone_to_show_which_window_to_choose(place: Place) -> None:
    linear = {"estimator": "sklearn.linear_model.LogisticRegression"}
    variants = [{"name": "past", "window": "all", **linear}, {"name": "week", "window": "168h", **linear}]
    place.train({"variants": variants})
    found = place.result("--policy", "scheduled:past,scheduled:week", *LABELS, "--start", "2024-02-04")
    past, week = (policy(found, f"scheduled:{name}") for name in ("past", "week"))
    assert {one["variant"] for one in past["versions"]} == {"past"}
    assert week["metrics"]["brier"] < past["metrics"]["brier"], "the past misleads once the concept has turned"


def test_a_table_with_gaps_in_its_labels_is_judged_on_those_it_has(place: Place) -> None:
    rows = make_history()
    rows["late"] = rows["late"].where(rows["trip"] % 3 > 0)
    place.write(rows)
    found = place.result("--policy", "quality", *LABELS)
    assert f"{(rows['trip'] % 3 == 0).sum():,} of {len(rows):,} rows never get a label" in found["notes"][0]
    (quality,) = found["policies"]
    assert sum(one["labelled"] for one in quality["periods"]) < 0.7 * quality["requests"]


def test_a_shadow_gets_copies_and_no_requests(place: Place) -> None:
    rollout = DEPLOYMENT["spec"]["rollout"] | {"strategy": "BlueGreen"}
    place.deploy({"rollout": rollout})
    gated = policy(place.result("--policy", "gated", *LABELS), "gated")
    assert gated["promotions"] >= 1
    assert all(one["requests"] == 0 for one in gated["versions"] if one["outcome"] == "refused by the canary")


def test_the_page_loads_nothing_and_has_every_policy(found: dict[str, Any], tmp_path: Path) -> None:
    page = render(BacktestResult.model_validate_json(json.dumps(found)))
    assert not re.search(r'src=|href="[^#]|@import|url\(http', page)
    assert all(f"<h2>{one['policy']}</h2>" in page for one in found["policies"])
    assert "<svg" in page
    assert "nan" not in page.lower().replace("finance", "")


def test_the_terminal_shows_policies_months_and_where_the_report_is(place: Place) -> None:
    out = place.folder / "page.html"
    done = place.ask("--policy", "never,scheduled", *LABELS, "--start", "2024-02-15", "--report", str(out))
    assert done.exit_code == 0
    assert re.search(r"never +\d\.\d{4} +\d\.\d{4} +\d\.\d{4} +0 ", done.stdout)
    assert "2024-02" in done.stdout
    assert f"report: {out}" in done.stdout.replace("\n", "")
    assert out.read_text().startswith("<!DOCTYPE html>")


def test_a_regression_is_replayed_by_squared_errors(place: Place) -> None:
    rows = make_history()
    rows["late"] = (rows["late"] + rows["wind"].fillna(10) / 100).round(3)
    place.write(rows)
    ridge = [{"name": "ridge", "estimator": "sklearn.linear_model.Ridge"}]
    place.train({"task": "regression", "variants": ridge, "gates": {"metric": "rmse", "minRelativeImprovement": 0.02}})
    spec, signal = DEPLOYMENT["spec"], {"name": "errors", "type": "Errors", "maxIncrease": 0.2}
    place.deploy(
        {"rollout": spec["rollout"] | {"signals": [signal]}, "retraining": spec["retraining"] | {"triggers": []}}
    )
    found = place.result("--policy", "quality,gated", *LABELS)
    assert causes(policy(found, "quality")) == {"Quality"}
    assert policy(found, "gated")["metrics"]["rmse"] < policy(found, "quality")["metrics"]["rmse"]


def test_a_loss_that_the_labels_have_no_meaning_for_is_refused(place: Place) -> None:
    rows = make_history()
    rows["late"] = rows["late"] * 2.5
    place.write(rows)
    ridge = [{"name": "ridge", "estimator": "sklearn.linear_model.Ridge"}]
    place.train({"task": "regression", "variants": ridge, "gates": {"metric": "rmse"}})
    done = place.ask("--policy", "quality", *LABELS)
    assert done.exit_code == 3
    assert "brier needs labels of 0 or 1, and there are others; ask for absoluteError or squaredError" in done.stderr
