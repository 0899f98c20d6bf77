"""Files that break a rule: the field, the line, what to do, and exit code 1, from `lint` and from `run` alike."""

from pathlib import Path

import pytest

from tests.local.support.deployment import Deployment
from tests.local.support.programs import serinus

BAD = {
    "spec.model.promotAlias": ("promoteAlias: champion", "promotAlias: champion"),
    "spec.rollout.interval": ("interval: 1s", "interval: soon"),
    "spec.rollout.steps[1].weight": ("{weight: 60, hold: 1s}", "{weight: 120, hold: 1s}"),
}


@pytest.mark.parametrize("command", ["lint", "run"])
def test_a_bad_file_is_told_by_field_and_line_before_anything_happens(command: str, deployment: Deployment) -> None:
    text, folder = deployment.text("1"), deployment.path.parent
    lines = {
        field: next(n for n, row in enumerate(text.splitlines(), 1) if good in row) for field, (good, _) in BAD.items()
    }
    for good, bad in BAD.values():
        text = text.replace(good, bad)
    deployment.path.write_text(text)
    done = serinus(command, "-f", deployment.path.name, cwd=folder)
    assert done.code == 1, done.said
    for field, line in lines.items():
        assert f"{deployment.path.name}:{line}" in done.said
        assert field in done.said
    assert not (folder / ".serinus").exists()


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
