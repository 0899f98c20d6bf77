"""The committed dashboards are those of their source, and are what Grafana understands."""

import json
import re
from typing import Any

import pytest

from scripts.dashboards.__main__ import FOLDER, PAGES, text
from scripts.dashboards.page import COLUMNS, SCHEMA_VERSION

NAMES = sorted(PAGES)
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
KINDS = {"row", "timeseries", "stat", "table", "bargauge", "state-timeline"}
TRANSFORMATIONS = {"merge", "organize"}


def dashboard(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return read


def queries(page: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in page["panels"] for target in panel.get("targets", ())]


@pytest.mark.parametrize("name", NAMES)
def test_the_committed_dashboard_is_up_to_date(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == text(name), "regenerate it: python -m scripts.dashboards"


def test_there_is_a_dashboard_for_every_page_and_no_other() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_an_id_of_its_own_and_a_place_that_no_other_has(name: str) -> None:
    panels = dashboard(name)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [(x, y) for panel in panels for x, y in places(panel["gridPos"])]
    assert len(set(taken)) == len(taken)
    assert all(0 <= x < COLUMNS for x, _ in taken)


def places(grid: dict[str, int]) -> list[tuple[int, int]]:
    """The cells that a panel covers."""
    across, down = range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
    return [(x, y) for x in across for y in down]


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_says_what_it_shows_in_which_unit_and_asks_the_chosen_prometheus(name: str) -> None:
    page = dashboard(name)
    assert page["schemaVersion"] == SCHEMA_VERSION
    assert {panel["type"] for panel in page["panels"]} <= KINDS
    for panel in page["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None, panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters)), panel["title"]
        assert letters, panel["title"]
        assert {one["id"] for one in panel["transformations"]} <= TRANSFORMATIONS


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_used_and_every_one_that_is_used_is_there(name: str) -> None:
    page = dashboard(name)
    declared = {one["name"] for one in page["templating"]["list"]}
    in_variables = [one["query"]["query"] for one in page["templating"]["list"] if one["type"] == "query"]
    asked = queries(page) + in_variables + [panel.get("datasource", {}).get("uid", "") for panel in page["panels"]]
    used = {braced or plain for one in asked for braced, plain in VARIABLE.findall(one)}
    assert used == declared


def test_the_dashboards_lead_to_each_other() -> None:
    text_of = {name: json.dumps(dashboard(name)) for name in NAMES}
    uids = {name: dashboard(name)["uid"] for name in NAMES}
    assert len(set(uids.values())) == len(NAMES)
    for name, other in (("model.json", "fleet.json"), ("fleet.json", "model.json")):
        assert f"/d/{uids[other]}" in text_of[name]


def test_what_the_fleet_hands_over_are_variables_of_the_models_page() -> None:
    handed = set(re.findall(r"var-(\w+)=", json.dumps(dashboard("fleet.json"))))
    assert handed <= {one["name"] for one in dashboard("model.json")["templating"]["list"]}
