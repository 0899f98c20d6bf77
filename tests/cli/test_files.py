"""Files that break a rule: the field, the line, what to do, and exit code 1, from `lint` and from `run` alike."""

from pathlib import Path

import pytest

from tests.local.support.deployment import Deployment
from tests.local.support.programs import serinus

BAD = {
    "unknown field": ("promoteAlias: champion", "promotAlias: champion", "spec.model.promotAlias"),
    "weight 120": ("{weight: 60, hold: 1s}", "{weight: 120, hold: 1s}", "spec.rollout.steps[1].weight"),
    "steps that go down": ("{weight: 60, hold: 1s}", "{weight: 5, hold: 1s}", "spec.rollout.steps[1].weight"),
    "no duration": ("interval: 1s", "interval: soon", "spec.rollout.interval"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_told_by_field_and_line_before_anything_happens(case: str, deployment: Deployment) -> None:
    good, bad, field = BAD[case]
    text = deployment.text("1")
    assert good in text
    deployment.path.write_text(text.replace(good, bad))
    line = next(number for number, row in enumerate(text.splitlines(), 1) if good in row)
    folder = deployment.path.parent
    for command in (["lint"], ["run", "--state-dir", "state"]):
        done = serinus(command[0], "-f", deployment.path.name, *command[1:], cwd=folder)
        assert done.code == 1, done.said
        assert field in done.said
        assert f"{deployment.path.name}:{line}" in done.said
    assert not (folder / "state").exists()


def test_a_good_file_has_no_error(deployment: Deployment) -> None:
    deployment.ask_for("1")
    done = serinus("lint", "-f", deployment.path, cwd=deployment.path.parent)
    assert done.code == 0, done.said
    assert "0 errors" in done.out


@pytest.mark.parametrize("command", ["run", "train", "lint"])
def test_a_file_that_is_not_there_is_named(command: str, tmp_path: Path) -> None:
    done = serinus(command, "-f", "nowhere.yaml", cwd=tmp_path)
    assert done.code == 1, done.said
    assert "nowhere.yaml" in done.said
    assert not (tmp_path / ".serinus").exists()


def test_a_missing_option_is_wrong_usage(tmp_path: Path) -> None:
    done = serinus("run", cwd=tmp_path)
    assert done.code == 2
    assert "--file" in done.err
