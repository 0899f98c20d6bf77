"""What KServe 0.20 and a node said on a real control plane, and what is made of it.

Recorded by tests/cluster/standard/test_standard_failures.py with SERINUS_RECORD=tests/adapters/standard/recorded.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from serinus.adapters.look import Look
from serinus.adapters.revision_health import has_service, status_of, stuck_containers

RECORDED = Path(__file__).with_name("recorded")
LATER = Look(datetime(2100, 1, 1, tzinfo=UTC), timedelta(seconds=30), timedelta(seconds=1))
READY, FAILED, WAITING = (True, False), (False, True), (False, False)
MEANS = {
    "aaa": (READY, ""),
    "digest": (FAILED, "container kserve-container ends (exit code 3): artifact /mnt/models has digest sha256:1, but"),
    "model": (FAILED, "container kserve-container ends (exit code 4): the model is no scikit-learn model"),
    "crash": (FAILED, "container kserve-container ends (exit code 1): MemoryError"),
    "storage": (FAILED, "the storage initializer cannot fetch the model (exit code 1): there is no model at"),
    "image": (FAILED, "container kserve-container cannot start: ImagePullBackOff: image"),
    "format": (FAILED, "KServe refuses the model: NoSupportingRuntime: Specified runtime does not support specified"),
    "protocol": (FAILED, "KServe refuses the model: NoSupportingRuntime: Specified runtime does not support specified"),
    "runtime": (FAILED, "KServe refuses the model: RuntimeNotRecognized: Waiting for runtime"),
    "never": (WAITING, "MinimumReplicasUnavailable: Deployment does not have minimum availability."),
    "large": (WAITING, "is not scheduled: 0/3 nodes are available: 1 Insufficient cpu"),
    "scheme": (WAITING, "KServe has not begun with InferenceService flights-scheme; its Events say why"),
}


def recorded(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    content = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
    return content["inferenceService"], content["pods"]


@pytest.mark.parametrize("name", MEANS)
def test_what_was_seen_is_understood(name: str) -> None:
    (ready, failed), words = MEANS[name]
    service, pods = recorded(name)
    long_stuck = replace(LATER, stuck_since=dict.fromkeys(stuck_containers(pods), LATER.now - LATER.patience))
    status = status_of(service, pods, restarts=0, look=long_stuck)
    assert (status.ready, status.failed) == (ready, failed)
    assert words in status.message
    assert status.revision == name


def test_everything_that_was_recorded_is_looked_at() -> None:
    assert {file.stem for file in RECORDED.glob("*.json")} == MEANS.keys()


@pytest.mark.parametrize("name", MEANS)
def test_only_a_revision_that_was_ready_can_be_named_by_a_route(name: str) -> None:
    assert has_service(recorded(name)[0]) == (name == "aaa")
