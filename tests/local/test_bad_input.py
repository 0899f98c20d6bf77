"""Everything bad that can reach a running `serinus run`: a sentence that says what to do, and what serves goes on."""

import json
import logging
import re
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from serinus.adapters.mlflow_client import connect
from serinus.core import reasons
from serinus.core.state import Outcome, Phase, RolloutRecord
from serinus.local.sockets import free_port
from tests.local.support.clients import clients
from tests.local.support.deployment import Deployment
from tests.local.support.models import BETTER, CORRUPTED, GOOD, UNLOADABLE
from tests.local.support.programs import KEY, Runtime, serinus, wait_until

pytestmark = pytest.mark.xdist_group("bad-input")


def serve(runtime: Runtime, deployment: Deployment, version: str = GOOD) -> None:
    deployment.ask_for(version)
    runtime.start()
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "the first version serves")


def wait_until_said(runtime: Runtime, sentence: str) -> None:
    wait_until(lambda: re.search(sentence, runtime.said()), f"it says {sentence!r}: {runtime.said()[-2000:]}")


def test_one_bad_version_after_another_is_named_and_what_serves_goes_on(
    runtime: Runtime, deployment: Deployment
) -> None:
    deployment.ask_for("99")
    runtime.start()
    wait_until_said(runtime, 'version "99" of model "trips" is not in the registry at .*; register it or correct')
    deployment.ask_for(CORRUPTED)
    state = runtime.wait_for(lambda state: state.phase is Phase.FAILED, "the corrupted version is refused")
    assert "digest" in state.message
    deployment.ask_for(GOOD)
    runtime.wait_for(lambda state: state.phase is Phase.STABLE, "a good version serves")
    with clients(runtime.port, per_second=20) as sending:
        deployment.ask_for("99")
        state = runtime.wait_for(lambda state: state.reason == reasons.TARGET_UNRESOLVED, "it is said")
        assert 'version "99"' in state.message
        deployment.ask_for(UNLOADABLE)
        assert_taken_back_before_any_request(runtime.finished(UNLOADABLE))
        answered = len(sending.answers)
        wait_until(lambda: len(sending.answers) > answered + 20, "the good version goes on serving")
    assert not sending.failed()


def assert_taken_back_before_any_request(record: RolloutRecord) -> None:
    assert (record.outcome, record.reason) == (Outcome.ROLLED_BACK, reasons.CANDIDATE_FAILED)
    assert "does not load" in record.message
    assert record.candidate_requests == 0


def test_a_registry_that_is_not_there_is_waited_for(
    new_runtime: Callable[..., Runtime], deployment: Deployment
) -> None:
    registry = f"http://127.0.0.1:{free_port()}"
    runtime = new_runtime(more=["--registry", registry])
    deployment.ask_for(GOOD)
    runtime.start()
    wait_until_said(runtime, f"the registry at {registry} did not answer .*; start it or correct its address")
    state = runtime.wait_for(lambda state: state.reason == reasons.TARGET_UNRESOLVED, "it is in the state")
    assert state.phase is Phase.PENDING
    assert runtime.end() == 130
    assert not runtime.children()


def test_errors_of_the_registry_are_not_logged_beside_the_sentence_that_tells_them(tmp_path: Path) -> None:
    connect(f"sqlite:///{tmp_path / 'mlflow.db'}")
    assert not logging.getLogger("mlflow.store.db.utils").isEnabledFor(logging.ERROR)


def test_a_port_in_use_is_named_with_the_flag_that_chooses_another(runtime: Runtime, deployment: Deployment) -> None:
    deployment.ask_for(GOOD)
    with socket.create_server(("127.0.0.1", runtime.port)):
        runtime.start()
        assert runtime.ended() == 3
    assert f"port {runtime.port} is taken by another process" in runtime.said()
    assert "--port" in runtime.said()
    assert not runtime.children()


@pytest.mark.parametrize("content", [b'{"sequence": 3, "phase": "Sta', b'{"phase": "Baking"}', b""])
def test_a_state_that_cannot_be_read_is_never_overwritten(
    content: bytes, runtime: Runtime, deployment: Deployment
) -> None:
    deployment.ask_for(GOOD)
    path = runtime.folder.state(KEY)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    runtime.start()
    assert runtime.ended() == 3
    assert f"{path} cannot be read" in runtime.said()
    assert "restore it from a backup, or move it away" in runtime.said()
    assert path.read_bytes() == content
    shown = serinus("get", "--state-dir", runtime.state_dir, cwd=deployment.path.parent)
    assert shown.code == 1
    assert "cannot be read" in shown.err
    assert not runtime.children()


def test_neither_a_second_runtime_nor_a_file_that_is_broken_or_gone_disturbs_what_serves(
    runtime: Runtime, deployment: Deployment
) -> None:
    serve(runtime, deployment)
    with clients(runtime.port, per_second=20) as sending:
        assert_a_second_runtime_is_refused(runtime, deployment)
        deployment.path.write_text(deployment.text(BETTER).replace("promoteAlias", "promoteAllias"))
        wait_until_said(runtime, r"promoteAllias(.|\n)*the former content of .* stays in force")
        deployment.path.unlink()
        wait_until_said(runtime, r"cannot be read(.|\n)*the former content of .* stays in force")
        deployment.path.write_text(deployment.text(BETTER).replace("name: trips, namespace", "name: other, namespace"))
        wait_until_said(runtime, r"names test/other now, but this runtime serves test/trips")
        state = runtime.state()
        assert state is not None
        assert (state.phase, state.rollout) == (Phase.STABLE, None)
        deployment.ask_for(BETTER)
        assert runtime.finished(BETTER).outcome is Outcome.PROMOTED
    assert not sending.failed()


def assert_a_second_runtime_is_refused(runtime: Runtime, deployment: Deployment) -> None:
    second = serinus(
        "run", "-f", deployment.path, "--port", free_port(), "--state-dir", runtime.state_dir,
        cwd=deployment.path.parent,
    )  # fmt: skip
    assert second.code == 3
    assert runtime.process is not None
    assert f"another serinus (pid {runtime.process.pid}) works on {runtime.state_dir}; stop it" in second.err


def test_a_full_disk_stops_the_rollout_and_nothing_else_until_there_is_space_again(
    runtime: Runtime, deployment: Deployment
) -> None:
    serve(runtime, deployment)
    runtime.wait_for(lambda state: state.alias_move is None, "nothing is owed to the registry")
    with clients(runtime.port, per_second=40) as sending:
        path, before = runtime.folder.state(KEY), runtime.folder.state(KEY).read_bytes()
        with no_space(runtime):
            deployment.ask_for(BETTER)
            answered = len(sending.answers)
            wait_until_said(runtime, f"cannot write {path.parent}.*; free some space or make the folder writable")
            wait_until(lambda: len(sending.answers) > answered + 100, "it serves without space")
            assert path.read_bytes() == before
            assert json.loads(before)["phase"] == "Stable"
            assert runtime.process is not None
            assert runtime.process.poll() is None
        assert runtime.finished(BETTER).outcome is Outcome.PROMOTED
    assert not sending.failed()


@contextmanager
def no_space(runtime: Runtime) -> Iterator[None]:
    """The runtime cannot make any file longer than a byte."""
    assert runtime.process is not None
    former = resource.prlimit(runtime.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(runtime.process.pid, resource.RLIMIT_FSIZE, former)
