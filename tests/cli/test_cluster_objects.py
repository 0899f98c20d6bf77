"""A ModelDeployment of the API server is read whatever its status looks like."""

from typing import Any

import pytest

from serinus.cli.homes.objects import NOT_SEEN, found_of
from serinus.core.observation import Problem
from serinus.core.state import Phase
from serinus.core.status import object_of, status_of
from serinus.kubernetes.checkpoint import encoded
from tests.argocd.phases import WORLDS

SAID = {"reason": "SpecInvalid", "message": "spec.rollout is not understood"}


def manifest(phase: Phase = Phase.PAUSED, status: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """An object as the API server has it, written by the operator."""
    world = WORLDS[phase]()
    content = object_of(world.asked, world.state)
    content["metadata"] |= {"creationTimestamp": "2026-01-05T12:00:00Z", "generation": 3, "uid": "u", **metadata}
    written = {**status_of(world.state), "checkpoint": encoded(world.state), "observedGeneration": 3}
    content["status"] = written if status is None else status
    return content


@pytest.mark.parametrize("phase", Phase)
def test_the_whole_state_is_read_from_the_checkpoint(phase: Phase) -> None:
    found = found_of(manifest(phase))
    assert found.state == WORLDS[phase]().state
    assert found.spec == WORLDS[phase]().asked.spec
    assert (found.complaint, found.notes) == (None, ())


def test_what_people_edit_in_the_status_is_shown_as_the_operator_wrote_it() -> None:
    edited = manifest()
    edited["status"]["phase"] = "Stable"
    assert found_of(edited).state.phase is Phase.PAUSED


def test_an_object_that_nobody_has_looked_at_says_so() -> None:
    for status in ({}, {"observedGeneration": 1}):
        found = found_of(manifest(status=status))
        assert (found.complaint, found.state.phase) == (NOT_SEEN, Phase.PENDING)
        assert not found.is_known


def test_a_complaint_stands_in_front_of_the_state() -> None:
    complained = manifest()
    complained["status"] |= SAID
    found = found_of(complained)
    assert (found.reason, found.message) == (SAID["reason"], SAID["message"])
    assert (found.state.reason, found.is_known) == ("PausedByUser", True)
    first = found_of(manifest(status={**SAID, "phase": "Failed"}))
    assert (first.complaint, first.state.phase, first.is_known) == (Problem(**SAID), Phase.FAILED, False)


@pytest.mark.parametrize("checkpoint", ["zlib:broken", "plain", "zlib:eJw="])
def test_a_broken_checkpoint_is_a_complaint(checkpoint: str) -> None:
    broken = manifest()
    broken["status"]["checkpoint"] = checkpoint
    found = found_of(broken)
    assert found.reason == "StateUnreadable"
    assert "status.checkpoint cannot be read" in found.message
    assert (found.state.phase, found.is_known) == (Phase.PAUSED, False)


def test_a_phase_of_a_later_version_is_not_taken_for_one_of_ours() -> None:
    assert found_of(manifest(status={**SAID, "phase": "Teleporting"})).state.phase is Phase.PENDING


@pytest.mark.parametrize(
    ("annotation", "nonce"),
    [
        ('{"verb": "pause", "nonce": "n1"}', "n1"),
        ("promote", ""),
        ("[]", ""),
        ('{"verb": "pause"}', ""),
        ("[" * 9999, ""),
    ],
)
def test_the_latest_request_is_known_by_its_nonce(annotation: str, nonce: str) -> None:
    assert found_of(manifest(annotations={"serinus.dev/action": annotation})).asked == nonce


def test_notes_say_what_the_status_does_not() -> None:
    assert found_of(manifest(deletionTimestamp="2026-01-05T12:00:00Z")).notes == ("it is being deleted",)
    assert "has not looked at it yet" in found_of(manifest(generation=4)).notes[0]
    foreign = manifest()
    foreign["spec"]["novelty"] = 1
    assert found_of(foreign).spec is None
    assert "cannot read its spec" in found_of(foreign).notes[0]


def test_what_only_machines_read_is_not_printed() -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    printed = found_of(manifest(managedFields=[{"manager": "kubectl"}], annotations=applied)).manifest
    assert "managedFields" not in printed["metadata"]
    assert "annotations" not in printed["metadata"]
    assert "checkpoint" not in printed["status"]
    assert printed["status"]["phase"] == "Paused"
    kept = found_of(manifest(annotations={**applied, "team": "delays"})).manifest
    assert kept["metadata"]["annotations"] == {"team": "delays"}
