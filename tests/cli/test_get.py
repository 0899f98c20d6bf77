"""`serinus get` and the commands of people, beside a running `serinus run` and without one."""

import json
from pathlib import Path

import pytest
import yaml

from serinus.core.state import Phase
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.ports import Key
from tests.fakes.world import deployment as asked
from tests.local.support.deployment import Deployment
from tests.local.support.models import GOOD
from tests.local.support.programs import Finished, Runtime, serinus
from tests.unit.core.builders import state

pytestmark = pytest.mark.xdist_group("bad-input")

ESCAPE = "\x1b"


def test_what_serves_is_shown_in_every_form_and_requests_that_do_not_fit_are_refused(
    runtime: Runtime, deployment: Deployment
) -> None:
    deployment.ask_for(GOOD)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")

    def ask(*words: str) -> Finished:
        return serinus(*words, "--state-dir", runtime.state_dir, cwd=deployment.path.parent)

    assert_every_form_shows_it(ask("get"), ask("get", "trips", "-o", "wide"))
    assert_objects_are_whole(ask("get", "trips", "-o", "json"), ask("get", "test/trips", "-o", "yaml"))
    assert_explained(ask("explain", "trips"))
    assert_refused(ask("promote", "trips"))
    assert_unknown(ask("get", "ships"), ask("abort", "ships"))
    assert ESCAPE not in runtime.said(), "a log file gets plain lines"
    assert runtime.end() == 130
    assert_unheard(ask("pause", "trips"))
    assert ask("get", "trips").code == 0


def test_the_last_known_state_is_shown_as_such_while_nobody_works_on_it(tmp_path: Path) -> None:
    folder, key = StateFolder(tmp_path / ".serinus"), Key("ml", "flights")
    atomic_write_text(folder.state(key), state(Phase.STABLE).model_dump_json(by_alias=True))
    atomic_write_text(folder.spec(key), asked("1").model_dump_json(by_alias=True))
    unheard = "no runtime works on .serinus: this is the last known state; go on with `serinus run -f FILE`"
    alone = serinus("get", "flights", cwd=tmp_path)
    with folder.locked():
        beside = serinus("get", "flights", cwd=tmp_path)
    assert (alone.code, beside.code) == (0, 0), alone.said + beside.said
    assert unheard in alone.err
    assert "no runtime" not in beside.said
    assert alone.out.splitlines()[1].split()[:2] == beside.out.splitlines()[1].split()[:2] == [str(key), "Stable"]


def assert_every_form_shows_it(table: Finished, wide: Finished) -> None:
    header, row = table.out.splitlines()[:2]
    assert header.split() == ["NAME", "PHASE", "STABLE", "CANDIDATE", "WEIGHT", "REASON", "AGE"]
    assert row.split()[:6] == ["test/trips", "Stable", GOOD, "-", "-", "FirstRevisionReady"]
    assert "http://127.0.0.1:" in wide.out
    assert (table.code, wide.code) == (0, 0)
    assert ESCAPE not in table.said + wide.said


def assert_objects_are_whole(as_json: Finished, as_yaml: Finished) -> None:
    shown = json.loads(as_json.out)
    assert shown == yaml.safe_load(as_yaml.out)
    assert (shown["kind"], shown["metadata"]["name"]) == ("ModelDeployment", "trips")
    assert shown["spec"]["model"]["version"] == GOOD
    assert shown["status"]["phase"] == "Stable"


def assert_explained(done: Finished) -> None:
    assert done.code == 0, done.said
    assert done.out.startswith("test/trips is Stable since ")
    assert "another version of model" in done.out
    assert "no runtime works on" not in done.said


def assert_refused(done: Finished) -> None:
    assert done.code == 3, done.said
    assert "promote was refused: the phase is Stable; it is possible in" in done.said


def assert_unknown(*commands: Finished) -> None:
    for done in commands:
        assert done.code == 1, done.said
        assert "no deployment ships in" in done.err
        assert "there is: test/trips" in done.err


def assert_unheard(done: Finished) -> None:
    assert done.code == 3, done.said
    assert "no runtime works on" in done.err
    assert "serinus run" in done.err


def test_an_empty_folder_says_how_to_start(tmp_path: Path) -> None:
    done = serinus("get", cwd=tmp_path, KUBECONFIG=str(tmp_path / "none"))
    assert done.code == 0
    assert "no deployments in .serinus (start one: serinus run -f modeldeployment.yaml)" in done.err
    assert f"there is no kubeconfig at {tmp_path / 'none'}" in done.err
    assert not (tmp_path / ".serinus").exists()
