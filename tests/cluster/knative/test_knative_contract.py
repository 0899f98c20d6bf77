"""The contract of serving backends, kept by the Knative backend on a real control plane, KServe, Knative and gateway.

Knative splits by weight alone, so the tests of headers and of sticky clients do not apply.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.adapters import test_serving_contract as contract
from tests.adapters.test_serving_contract import (
    test_a_deployment_nobody_applied_serves_nothing,
    test_a_model_that_cannot_be_served_is_reported_as_failed_with_the_reason,
    test_a_process_that_dies_counts_as_a_restart_and_comes_back,
    test_a_revision_at_weight_0_runs_and_gets_no_request,
    test_a_revision_that_left_the_plan_vanishes,
    test_an_applied_revision_becomes_ready_and_takes_the_requests,
    test_an_empty_plan_ends_the_deployment,
    test_applying_twice_is_applying_once,
    test_requests_are_split_by_the_weights,
    test_weight_waits_until_the_revision_that_gets_it_is_ready,
    test_what_was_applied_outlives_a_crash,
)
from tests.cluster.control_plane.cluster import Cluster
from tests.cluster.knative.world import KNATIVE_SECONDS, KnativeWorld
from tests.cluster.looking import Look
from tests.local import harness

pytestmark = pytest.mark.anyio

__all__ = [
    "test_a_deployment_nobody_applied_serves_nothing",
    "test_a_model_that_cannot_be_served_is_reported_as_failed_with_the_reason",
    "test_a_process_that_dies_counts_as_a_restart_and_comes_back",
    "test_a_revision_at_weight_0_runs_and_gets_no_request",
    "test_a_revision_that_left_the_plan_vanishes",
    "test_an_applied_revision_becomes_ready_and_takes_the_requests",
    "test_an_empty_plan_ends_the_deployment",
    "test_applying_twice_is_applying_once",
    "test_requests_are_split_by_the_weights",
    "test_weight_waits_until_the_revision_that_gets_it_is_ready",
    "test_what_was_applied_outlives_a_crash",
]


@pytest.fixture
async def world(
    knative: Cluster, look: Look, new_namespace: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KnativeWorld]:
    made = KnativeWorld(knative, look, new_namespace(), tmp_path)
    monkeypatch.setattr(contract, "KEY", made.key)
    monkeypatch.setattr(harness, "DEADLINE_SECONDS", KNATIVE_SECONDS)
    await made.begin()
    yield made
    await made.end()
