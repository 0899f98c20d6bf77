"""Revisions that cannot start, on a real KServe: each is told from the others, and none of them harms what serves.

SERINUS_RECORD=FOLDER keeps what KServe and the node said of each, for tests/adapters/standard/recorded.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from serinus.core.observation import ServingObservation
from serinus.core.plan import Role, ServedRevision, ServingPlan
from tests.cluster.standard.world import NAME, StandardWorld
from tests.local.harness import plan, revision

pytestmark = pytest.mark.anyio

DIGEST = "artifact /mnt/models has digest sha256:1, but sha256:2 was registered: register it again"


def container(**fields: Any) -> dict[str, Any]:
    return {"template": {"predictor": {"model": fields}}}


HOPELESS: dict[str, tuple[dict[str, Any], str]] = {
    "digest": ({"exit_code": 3, "say": DIGEST}, f"exit code 3): {DIGEST}"),
    "model": ({"exit_code": 4, "say": "the model is no scikit-learn model"}, "exit code 4): the model is no"),
    "crash": ({"exit_code": 1, "say": "MemoryError"}, "exit code 1): MemoryError"),
    "storage": ({"uri": "file:///no/such/folder"}, "the storage initializer cannot fetch the model (exit code 1): "),
    "image": ({"serving": container(image="example.test/unknown:1")}, "ImagePullBackOff"),
    "format": ({"serving": {"format": "onnx"}}, "NoSupportingRuntime: Specified runtime does not support"),
    "runtime": ({"serving": {"runtime": "nowhere"}}, "RuntimeNotRecognized"),
    "protocol": (
        {"serving": {"runtime": "kserve-tensorflow-serving", "protocol": "v2"}},
        "does not support specified protocol version",
    ),
    "webhook": (
        {"serving": container(env=[{"name": "PYTHONPATH", "value": "x"}])},
        "setting PYTHONPATH in container",
    ),
}
WAITING: dict[str, tuple[dict[str, Any], str]] = {
    "never": ({"ready_file": "x"}, ""),
    "scheme": ({"uri": "ftp://example.test/model"}, "KServe has not begun with InferenceService flights-scheme"),
    "large": ({"serving": {"resources": {"requests": {"cpu": "10k"}}}}, "is not scheduled: "),
}


def served(names: dict[str, tuple[dict[str, Any], str]]) -> tuple[ServedRevision, ...]:
    return tuple(ServedRevision(revision(name, **told), Role.WARM) for name, (told, _) in names.items())


async def test_what_cannot_start_is_failed_with_the_reason_and_what_serves_goes_on(world: StandardWorld) -> None:
    healthy = ServedRevision(revision("aaa"), Role.STABLE)
    await world.settled(plan(healthy.revision, weights={"aaa": 100}))
    everything = ServingPlan(served=(healthy, *served(HOPELESS), *served(WAITING)), weights=(("aaa", 100),))
    await world.apply(world.key, everything)

    def all_told(seen: ServingObservation) -> bool:
        return all(
            name in seen.revisions and seen.revisions[name].failed and words in seen.revisions[name].message
            for name, (_, words) in HOPELESS.items()
        )

    try:
        seen = await world.until(all_told, "every hopeless revision is failed with its reason", 120)
    finally:
        record(world)
    for name, (_, words) in WAITING.items():
        status = seen.revisions[name]
        assert not status.ready
        assert not status.failed, status
        assert words in status.message
    assert seen.ready("aaa")
    assert seen.weights["aaa"] == 100
    assert [status for status, _, _ in [await world.send({}) for _ in range(20)]] == [200] * 20


def record(world: StandardWorld) -> None:
    """Keep what was said, without what differs from run to run."""
    folder = os.environ.get("SERINUS_RECORD")
    for name in ("aaa", *HOPELESS, *WAITING) if folder else ():
        found = world.raw("InferenceService", f"{NAME}-{name}")
        pods = [world.look.api.sanitize_for_serialization(pod) for pod in world.pods(name)]
        if found:
            found["spec"]["predictor"]["model"]["storageUri"] = "s3://models/flights/1"
            kept = {"inferenceService": told(found, "spec"), "pods": [told(pod) for pod in pods]}
            Path(str(folder), f"{name}.json").write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def told(manifest: dict[str, Any], *more: str) -> dict[str, Any]:
    kept = ("name", "uid", "labels", "creationTimestamp", "generation")
    metadata = {name: value for name, value in manifest["metadata"].items() if name in kept}
    return {"metadata": metadata, **{name: short(manifest[name]) for name in (*more, "status")}}


def short(value: Any) -> Any:
    """The same with long texts cut off at their beginning, which repeats what is said at their end."""
    if isinstance(value, dict):
        return {name: short(one) for name, one in value.items()}
    if isinstance(value, list):
        return [short(one) for one in value]
    return value[-300:] if isinstance(value, str) else value
