"""The contract of serving backends, kept by the Standard backend on an API server, a KServe and a gateway in memory."""

import pytest

from tests.adapters.standard.world import InMemory
from tests.adapters.test_serving_contract import (
    anyio_backend,
    test_a_deployment_nobody_applied_serves_nothing,
    test_a_header_leads_to_the_candidate_whatever_its_weight,
    test_a_mirror_outlives_a_crash,
    test_a_mirror_waits_until_the_revision_that_gets_it_is_ready,
    test_a_mirrored_share_reaches_the_candidate_and_its_answers_nobody,
    test_a_model_that_cannot_be_served_is_reported_as_failed_with_the_reason,
    test_a_process_that_dies_counts_as_a_restart_and_comes_back,
    test_a_revision_at_weight_0_runs_and_gets_no_request,
    test_a_revision_that_left_the_plan_vanishes,
    test_an_applied_revision_becomes_ready_and_takes_the_requests,
    test_an_empty_plan_ends_the_deployment,
    test_applying_twice_is_applying_once,
    test_requests_are_split_by_the_weights,
    test_sticky_clients_stay_until_their_revision_has_no_weight,
    test_weight_waits_until_the_revision_that_gets_it_is_ready,
    test_what_was_applied_outlives_a_crash,
)

pytestmark = pytest.mark.anyio

__all__ = [
    "anyio_backend",
    "test_a_deployment_nobody_applied_serves_nothing",
    "test_a_header_leads_to_the_candidate_whatever_its_weight",
    "test_a_mirror_outlives_a_crash",
    "test_a_mirror_waits_until_the_revision_that_gets_it_is_ready",
    "test_a_mirrored_share_reaches_the_candidate_and_its_answers_nobody",
    "test_a_model_that_cannot_be_served_is_reported_as_failed_with_the_reason",
    "test_a_process_that_dies_counts_as_a_restart_and_comes_back",
    "test_a_revision_at_weight_0_runs_and_gets_no_request",
    "test_a_revision_that_left_the_plan_vanishes",
    "test_an_applied_revision_becomes_ready_and_takes_the_requests",
    "test_an_empty_plan_ends_the_deployment",
    "test_applying_twice_is_applying_once",
    "test_requests_are_split_by_the_weights",
    "test_sticky_clients_stay_until_their_revision_has_no_weight",
    "test_weight_waits_until_the_revision_that_gets_it_is_ready",
    "test_what_was_applied_outlives_a_crash",
]


@pytest.fixture
def world() -> InMemory:
    return InMemory()
