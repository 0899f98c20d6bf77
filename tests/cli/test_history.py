"""`serinus history`: every number that decided, and nothing that is only for machines."""

import json
import re
from pathlib import Path

import pytest
import yaml

from serinus.cli.history import lines
from serinus.core.state import Phase
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.local.journal import FileJournal
from tests.argocd.phases import WORLDS
from tests.cli.test_choosing import KEY, deploy
from tests.fakes.world import rolling_out
from tests.local.support.programs import serinus


def test_a_rollout_is_told_from_its_start_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    (record,) = WORLDS[Phase.ROLLED_BACK]().state.history
    shown = lines(record)
    assert shown[0] == "flights 1 -> 3: RolledBack (ErrorsIncreased)"
    assert max(map(len, shown)) <= 90
    text = " ".join(" ".join(shown).split())
    assert record.message in text
    assert f"6s; rollout {record.id}" in text
    assert "weights: 0 % from" in text
    assert "requests: candidate 30, 30 failed; stable 370, 0 failed" in text
    assert "errors: Fail (ErrorsIncreased): candidate failed 30 of 30 requests" in text
    assert "harm over a billion to 1, fails at 120" in text
    again = "\n".join(lines(record.model_copy(update={"attempt": 2, "from_version": "", "to_version": ""})))
    assert again.startswith(f"flights - -> {record.revision}: RolledBack (ErrorsIncreased), attempt 2")


def test_a_share_that_was_copied_is_not_called_a_weight() -> None:
    world = rolling_out(strategy="BlueGreen")
    world.until_phase(Phase.STABLE)
    text = " ".join(" ".join(lines(world.state.history[0])).split())
    assert re.search(r"weights: 0 % from \S+, mirrors 10 % from \S+, mirrors 50 % from \S+, 100 % from", text), text


def test_every_form_has_the_same_rollouts_the_latest_first(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / ".serinus")
    deploy(folder.root)
    none = serinus("history", "flights", cwd=tmp_path)
    assert (none.code, none.out) == (0, "")
    assert "has had no rollout yet" in none.err
    (first,) = WORLDS[Phase.ROLLED_BACK]().state.history
    second = first.model_copy(update={"id": "later", "started_at": first.ended_at, "to_version": "4"})
    for record in (second, first):
        FileJournal(folder).finished(KEY, record)
    text, as_yaml, as_json = (
        serinus("history", "flights", "-o", form, cwd=tmp_path) for form in ("text", "yaml", "json")
    )
    assert [line for line in text.out.splitlines() if line.startswith("flights")] == [
        "flights 1 -> 4: RolledBack (ErrorsIncreased)",
        "flights 1 -> 3: RolledBack (ErrorsIncreased)",
    ]
    shown = json.loads(as_json.out)["items"]
    assert [one["id"] for one in shown] == ["later", first.id]
    assert yaml.safe_load(as_yaml.out)["items"] == shown
    assert "curve" not in shown[0]


def test_a_record_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / ".serinus")
    deploy(folder.root)
    atomic_write_text(folder.rollouts(KEY) / "x.json", "{")
    done = serinus("history", "flights", cwd=tmp_path)
    assert done.code == 1
    assert "x.json cannot be read" in done.err
