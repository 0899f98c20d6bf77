"""The registry as the operator asks it: addresses are answered without it, and every question to it is counted."""

import asyncio

import pytest

from serinus.adapters.mlflow_artifacts import URI_DIGEST
from serinus.core.errors import ModelVersionNotFound, RegistryUnavailable
from serinus.kubernetes.leader import NotLeading
from serinus.kubernetes.registry import ClusterRegistry
from serinus.kubernetes.telemetry import Telemetry
from tests.adapters.fakes.registry import FakeModel, FakeRegistry
from tests.fakes.world import HERE
from tests.kubernetes.fake_api import OpenFence


def test_an_address_needs_no_registry() -> None:
    artifact = asyncio.run(ClusterRegistry(None, OpenFence()).resolve("flights", uri="s3://bucket/model"))
    assert artifact.uri == "s3://bucket/model"
    assert artifact.digest.startswith(URI_DIGEST)
    with pytest.raises(RegistryUnavailable, match="start it with --registry-uri"):
        asyncio.run(ClusterRegistry(None, OpenFence()).resolve("flights", version="1"))


def test_who_does_not_lead_any_more_writes_nothing_there() -> None:
    fence, behind = OpenFence(), FakeRegistry({"flights": FakeModel({"1": (HERE, "sha256:1")})})
    registry = ClusterRegistry(behind, fence)
    fence.error = NotLeading("the lease is over")
    with pytest.raises(NotLeading):
        asyncio.run(registry.move_alias("flights", "champion", "1", "ml/flights"))
    assert behind.models["flights"].aliases == {}
    assert asyncio.run(registry.resolve("flights", version="1")).version == "1", "reading harms nobody"


def test_every_question_is_counted_with_how_it_ended() -> None:
    telemetry = Telemetry()
    registry = ClusterRegistry(
        FakeRegistry({"flights": FakeModel({"1": (HERE, "sha256:1")})}), OpenFence(), telemetry.registry_asked
    )
    for version in ("1", "1", "9"):
        try:
            asyncio.run(registry.resolve("flights", version=version))
        except ModelVersionNotFound:
            assert version == "9"
    asyncio.run(registry.resolve("flights", uri="s3://bucket/model"))
    counted = [line for line in telemetry.text().decode().splitlines() if line.startswith("serinus_registry_questions")]
    assert sorted(counted) == [
        'serinus_registry_questions_total{result="ModelVersionNotFound",what="resolve"} 1.0',
        'serinus_registry_questions_total{result="ok",what="resolve"} 2.0',
    ]
