import json

import pytest
from demo_stories import after, promoted, record, story
from pydantic import ValidationError

from serinus.core.state import Outcome
from serinus.demo.summary import (
    Client,
    Summary,
    Weight,
    client_summary,
    percentile,
    rollout_summary,
    summary_json,
    unexplained_failures,
)


def test_a_rollout_is_written_with_the_names_of_the_schema() -> None:
    written = json.loads(summary_json(story(record())))["rollouts"][0]
    assert (written["from"], written["to"], written["outcome"]) == ("2", "3", "RolledBack")
    assert written["seconds"] == 20.0
    assert written["weights"][0] == {"at": "2026-03-01T12:00:23Z", "weight": 10}
    assert (written["requestsToCandidate"], written["failedByCandidate"]) == (120, 18)
    assert (written["requestsToStable"], written["failedByStable"]) == (1080, 0)


def test_what_was_written_reads_back_as_the_same_summary() -> None:
    summary = story(promoted(), record(50))
    assert Summary.model_validate_json(summary_json(summary)) == summary


def test_rollouts_are_told_in_the_order_they_began() -> None:
    assert [rollout.to_version for rollout in story(record(50), promoted(20)).rollouts] == ["2", "3"]


def test_a_story_without_rollouts_has_a_summary() -> None:
    summary = story(champion=None, quarantined=())
    assert summary.rollouts == ()
    assert json.loads(summary_json(summary))["champion"] is None


def test_a_number_that_is_not_finite_is_left_out_because_json_has_none() -> None:
    assert rollout_summary(record()).signals[0].numbers == {"harmEvidence": 400.0, "harmNeeded": 80.0}


@pytest.mark.parametrize(
    ("failed", "outcome", "unexplained"),
    [
        (18, Outcome.ROLLED_BACK, 0),
        (20, Outcome.ROLLED_BACK, 2),
        (17, Outcome.ROLLED_BACK, 0),  # an answer that the client no longer waited for
        (18, Outcome.PROMOTED, 18),
        (18, Outcome.ABORTED, 18),
        (0, Outcome.ROLLED_BACK, 0),
    ],
)
def test_only_failures_of_a_version_that_was_rolled_back_are_explained(
    failed: int, outcome: Outcome, unexplained: int
) -> None:
    client = Client(requests=6000, failed=failed, failed_by_code={}, p50_ms=1.0, p99_ms=2.0)
    assert unexplained_failures(client, [rollout_summary(record(outcome=outcome))]) == unexplained


def test_failures_of_several_rolled_back_versions_add_up() -> None:
    client = Client(requests=6000, failed=40, failed_by_code={}, p50_ms=1.0, p99_ms=2.0)
    assert unexplained_failures(client, [rollout_summary(record()), rollout_summary(record(60, "4"))]) == 4


def test_the_client_counts_failures_by_code_and_leaves_out_what_is_no_failure() -> None:
    client = client_summary({200: 95, 500: 2, 400: 1, 0: 1, 429: 1, 503: 0}, [0.001 * n for n in range(1, 101)])
    assert (client.requests, client.failed) == (100, 4)
    assert client.failed_by_code == {"0": 1, "400": 1, "500": 2}
    assert (client.p50_ms, client.p99_ms) == (pytest.approx(50.0), pytest.approx(99.0))


def test_a_client_that_sent_nothing_has_no_latency() -> None:
    assert client_summary({}, []) == Client(requests=0, failed=0, failed_by_code={}, p50_ms=None, p99_ms=None)


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([7.0], 50, 7.0), ([7.0], 99, 7.0), ([1.0, 2.0], 50, 1.0), ([1.0, 2.0], 99, 2.0)],
)
def test_a_percentile_is_one_of_the_values(values: list[float], percent: int, expected: float) -> None:
    assert percentile(values, percent) == expected


@pytest.mark.parametrize("weight", [-1, 101])
def test_a_weight_outside_of_0_to_100_is_refused(weight: int) -> None:
    with pytest.raises(ValidationError, match="weight"):
        Weight(at=after(0), weight=weight)
