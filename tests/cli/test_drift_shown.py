"""Drift as `serinus get` and `serinus explain` show it."""

from rich.console import Console

from serinus.cli.explain import content, lines
from serinus.cli.explaining import explain
from serinus.cli.view import details, table
from serinus.core.state import Phase
from tests.cli.homes import ScriptedHome, found
from tests.unit.core.builders import NOW, state
from tests.unit.watching.watching_world import DRIFTED, HEALTHY, Watching, serving_since


def explained(watching: Watching) -> str:
    one = explain(found(watching.state), ScriptedHome([]), watching.now)
    assert content(one)["drift"] == one.drift
    return " ".join("\n".join(lines(one, watching.now)).split())


def shown(watching: Watching) -> str:
    console = Console(width=400, highlight=False)
    with console.capture() as captured:
        console.print(table([found(watching.state)], wide=True))
        console.print(details(found(watching.state)))
    return captured.get()


def test_an_alarm_is_explained_with_its_numbers() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    text = explained(watching)
    assert "Drift from training - True since " in text
    assert "Drifted: 2 of 5 distributions have drifted from training: temp: PSI 1." in text
    assert "- temp: Fail: PSI 1." in text
    assert "- prediction: Pass: PSI 0 (chance explains" in text


def test_no_drift_is_explained_too() -> None:
    watching = serving_since()
    watching.look(HEALTHY)
    assert "Drift from training - False since " in explained(watching)


def test_where_nothing_is_watched_nothing_is_said() -> None:
    one = explain(found(state(Phase.STABLE)), ScriptedHome([]), NOW)
    assert "Drift" not in "\n".join(lines(one, NOW))


def test_the_wide_table_and_the_details_have_the_condition() -> None:
    watching = serving_since()
    watching.look_at([DRIFTED] * 3)
    header, row, *rest = shown(watching).splitlines()
    assert row.split()[header.split().index("DRIFTED")] == "True"
    assert any(line.startswith("Drifted: True") for line in rest)
    assert any("temp: PSI" in line for line in rest)
