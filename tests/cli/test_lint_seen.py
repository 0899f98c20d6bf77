"""`serinus lint --seen`: rates from a state folder or a cluster, beside what is given; and sentences where there are none."""

import json
from pathlib import Path

import pytest

from serinus.core.state import Phase
from serinus.core.status import object_of, status_of
from serinus.kubernetes.checkpoint import encoded
from serinus.lint import dump_deployment
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.local.journal import FileJournal
from tests.cli.homes import stub_server
from tests.cli.test_choosing import KEY, deploy
from tests.fakes.world import World, deployment, rolling_out
from tests.local.support.programs import serinus

SEEN = "seen in the rollout of version 2"


@pytest.fixture(scope="module")
def promoted() -> World:
    world = rolling_out("2")
    world.until_phase(Phase.STABLE)
    return world


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "modeldeployment.yaml"
    atomic_write_text(path, dump_deployment(deployment("3", signals=[{"name": "errors", "type": "Errors"}])))
    return path


def test_a_state_folder_tells_what_was_seen_and_options_win(file: Path, promoted: World) -> None:
    folder = StateFolder(file.parent / ".serinus")
    deploy(folder.root)
    FileJournal(folder).finished(KEY, promoted.state.history[0])
    assumed = serinus("lint", "-f", file, cwd=file.parent)
    assert "(assumed)" in assumed.out
    found = serinus("lint", "-f", file, "--seen", cwd=file.parent)
    assert found.code == 0, found.err
    assert f"0.0713% of stable's are bad ({SEEN}): at 6,000 requests a minute ({SEEN}) the rollout takes" in found.out
    options = ("--error-rate", "0.02", "--requests-per-minute", "50")
    given = serinus("lint", "-f", file, "--seen", *options, cwd=file.parent)
    assert "2% of stable's are bad (given): at 50 requests a minute (given)" in given.out


def test_a_cluster_tells_it_from_its_status(file: Path, promoted: World) -> None:
    state = promoted.state
    manifest = object_of(deployment("2"), state)
    manifest["metadata"] |= {"uid": "u", "resourceVersion": "1", "generation": 1}
    manifest["status"] = {**status_of(state), "checkpoint": encoded(state), "observedGeneration": 1}
    with stub_server(lambda _method, _path: (200, json.loads(json.dumps(manifest)))) as stub:
        place = ("--kubeconfig", stub.kubeconfig(file.parent))
        found = serinus("lint", "-f", file, "--seen", *place, cwd=file.parent)
        assert [one[1].split("?")[0].rsplit("/", 4)[-3:] for one in stub.requests] == [
            ["ml", "modeldeployments", "flights"]
        ]
    assert found.code == 0, found.err
    assert f"at 6,000 requests a minute ({SEEN})" in found.out


def test_nothing_seen_is_said_with_what_to_give(file: Path) -> None:
    deploy(file.parent / ".serinus")
    done = serinus("lint", "-f", file, "--seen", cwd=file.parent)
    assert (done.code, done.out) == (1, "")
    assert "ml/flights in folder .serinus has had no rollout that saw enough of its traffic; give" in done.err


def test_a_deployment_that_is_nowhere_is_said(file: Path) -> None:
    done = serinus("lint", "-f", file, "--seen", "--state-dir", "other", cwd=file.parent)
    assert done.code == 1
    assert "no deployment ml/flights in other" in done.err


def test_a_file_with_problems_is_told_of_them_and_nobody_is_asked(file: Path) -> None:
    file.write_text(file.read_text().replace("type: Errors", "type: Erors"))
    done = serinus("lint", "-f", file, "--seen", "--state-dir", "other", cwd=file.parent)
    assert done.code == 1
    assert "Erors" in done.out
    assert "no deployment" not in done.err


def test_a_place_to_look_in_without_looking_is_wrong_usage(file: Path) -> None:
    done = serinus("lint", "-f", file, "--state-dir", "other", cwd=file.parent)
    assert done.code == 2
    assert "add --seen" in done.err
