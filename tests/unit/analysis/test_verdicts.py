"""What a rollout's counters come to, as the decision core sees it."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.analysis import Evidence, Verdict, begin, judge, reasons
from serinus.core.spec.signals import AvailabilitySignal, ErrorsSignal, LatencySignal, Signal
from tests.unit.analysis.world import CANDIDATE, STABLE, START, Gateway, looked, snapshot, verdict

ERRORS = ErrorsSignal(name="errors", type="Errors", max_increase=0.01)
LATENCY = LatencySignal(
    name="latency", type="Latency", threshold=timedelta(milliseconds=100), max_increase=0.02, warmup=timedelta(0)
)
MINUTE = 60


def started(*signals: Signal, attempt: int = 1) -> Evidence:
    chosen = signals or (ERRORS, LATENCY)
    evidence = begin(chosen, alpha=0.05, attempt=attempt, candidate=CANDIDATE, stable=STABLE, since=START)
    return looked(evidence, snapshot(0, Gateway()))


def run(
    evidence: Evidence,
    minutes: int,
    *,
    candidate: tuple[int, int] = (100, 0),
    stable: tuple[int, int] = (900, 0),
    slow: tuple[int, int] = (0, 0),
    code: int = 500,
    gateway: Gateway | None = None,
    **seen: int | bool,
) -> Evidence:
    """The evidence after some minutes in each of which `candidate` and `stable` answered (good, bad) requests."""
    gateway = gateway or Gateway()
    for minute in range(1, minutes + 1):
        gateway.serve(CANDIDATE, *candidate, code=code, slow=slow[0])
        gateway.serve(STABLE, *stable, slow=slow[1])
        restarts = minute if seen.get("restarting") else 0
        evidence = looked(
            evidence,
            snapshot(MINUTE * minute, gateway),
            weight=seen.get("weight"),
            mirrored=bool(seen.get("mirrored")),
            restarts=restarts,
            ready=bool(seen.get("ready", True)),
            stable_ready=bool(seen.get("stable_ready", True)),
        )
    return evidence


def test_a_healthy_candidate_passes_every_signal() -> None:
    evidence = run(started(), 30, candidate=(99, 1), stable=(891, 9), slow=(1, 9), weight=10)
    assert [found.verdict for found in judge(evidence)] == [Verdict.PASS] * 3
    assert [found.name for found in judge(evidence)] == ["errors", "latency", "availability"]


def test_errors_fail_the_candidate_and_the_message_has_the_numbers() -> None:
    found = verdict(run(started(), 3, candidate=(90, 10), stable=(897, 3)), "errors")
    assert (found.verdict, found.reason) == (Verdict.FAIL, reasons.ERRORS_INCREASED)
    assert found.message.startswith(
        "candidate failed 30 of 300 requests (10.0 %), stable 9 of 2,700 (0.3 %); more than 1 point apart: evidence "
    )
    assert found.numbers["harmEvidence"] >= found.numbers["harmNeeded"]


def test_a_candidate_that_answers_400_to_everybody_fails() -> None:
    assert verdict(run(started(), 3, candidate=(50, 50), code=400), "errors").verdict is Verdict.FAIL


@pytest.mark.parametrize("code", [401, 403, 429])
def test_answers_that_are_about_the_caller_do_not_fail_the_candidate(code: int) -> None:
    assert verdict(run(started(), 30, candidate=(50, 50), code=code), "errors").verdict is Verdict.PASS


def test_a_slow_candidate_fails_by_latency_only() -> None:
    evidence = run(started(), 3, slow=(40, 18))
    assert verdict(evidence, "latency").reason == reasons.LATENCY_INCREASED
    assert verdict(evidence, "errors").verdict is not Verdict.FAIL


@given(st.integers(1, 60))
@settings(max_examples=10)
def test_no_traffic_is_inconclusive_for_ever(minutes: int) -> None:
    evidence = run(started(), minutes, candidate=(0, 0), weight=10, stable=(0, 0))
    found = judge(evidence)
    assert {one.verdict for one in found} == {Verdict.INCONCLUSIVE}
    assert {one.reason for one in found} == {reasons.NO_REQUESTS}


def test_without_requests_to_stable_there_is_nothing_to_compare_with() -> None:
    found = verdict(run(started(), 30, candidate=(50, 50), stable=(0, 0)), "errors")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "stable had no requests" in found.message


def test_an_unhealthy_stable_does_not_block_a_good_candidate() -> None:
    assert verdict(run(started(), 30, candidate=(99, 1), stable=(450, 450)), "errors").verdict is Verdict.PASS


def test_a_limit_fails_a_candidate_that_is_no_worse_than_a_broken_stable() -> None:
    signal = ERRORS.model_copy(update={"max": 0.05})
    found = verdict(run(started(signal), 5, candidate=(70, 30), stable=(630, 270)), "errors")
    assert (found.verdict, found.reason) == (Verdict.FAIL, reasons.ERRORS_TOO_HIGH)


def test_one_burst_of_retries_does_not_fail_a_healthy_candidate() -> None:
    gateway = Gateway()
    evidence = run(started(), 3, candidate=(99, 1), stable=(891, 9), gateway=gateway)
    gateway.serve(CANDIDATE, 0, 500)
    evidence = looked(evidence, snapshot(3 * MINUTE + 30, gateway))
    assert verdict(evidence, "errors").verdict is Verdict.INCONCLUSIVE
    for minute in range(5, 40):
        gateway.serve(CANDIDATE, 99, 1)
        gateway.serve(STABLE, 891, 9)
        evidence = looked(evidence, snapshot(MINUTE * minute, gateway))
        assert verdict(evidence, "errors").verdict is not Verdict.FAIL


def test_warm_up_is_left_out_of_latency_and_only_of_latency() -> None:
    signal = LATENCY.model_copy(update={"warmup": timedelta(minutes=3)})
    evidence = run(started(ERRORS, signal), 3, slow=(100, 0))
    assert verdict(evidence, "latency").reason == reasons.NO_REQUESTS
    assert "warm-up of 3m" in verdict(evidence, "latency").message
    assert verdict(evidence, "errors").numbers["candidateTotal"] == 300


def test_a_threshold_without_an_edge_is_an_error_that_names_the_nearest_edges() -> None:
    found = verdict(run(started(), 3, gateway=Gateway(edges=(0.05, 0.25, float("inf")))), "latency")
    assert (found.verdict, found.reason) == (Verdict.ERROR, reasons.LATENCY_EDGE_MISSING)
    assert "no edge at 0.1 s (the nearest are 0.05 s and 0.25 s)" in found.message


def test_a_candidate_that_keeps_restarting_fails_although_its_answers_are_good() -> None:
    found = verdict(run(started(), 10, restarting=True), "availability")
    assert (found.verdict, found.reason) == (Verdict.FAIL, reasons.CANDIDATE_UNAVAILABLE)


def test_one_restart_is_no_failure() -> None:
    gateway = Gateway()
    evidence = run(started(), 5, gateway=gateway)
    evidence = looked(evidence, snapshot(6 * MINUTE, gateway), restarts=1)
    found = verdict(evidence, "availability")
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA)


def test_a_candidate_that_is_unready_whenever_stable_is_does_not_fail() -> None:
    evidence = run(started(), 30, ready=False, stable_ready=False)
    assert verdict(evidence, "availability").verdict is Verdict.INCONCLUSIVE


def test_a_candidate_that_gets_far_less_than_its_share_fails() -> None:
    found = verdict(run(started(), 5, candidate=(20, 0), stable=(980, 0), weight=10), "availability")
    assert (found.verdict, found.reason) == (Verdict.FAIL, reasons.TRAFFIC_SHARE_TOO_LOW)
    assert "of its share" in found.message


@pytest.mark.parametrize(
    ("copies", "answered", "weight"), [(100, 1000, 10), (85, 1000, 10), (1000, 1000, 100), (0, 0, 50)]
)
def test_a_mirrored_candidate_that_gets_its_copies_does_not_fail(copies: int, answered: int, weight: int) -> None:
    evidence = run(started(), 20, candidate=(copies, 0), stable=(answered, 100), weight=weight, mirrored=True)
    assert verdict(evidence, "availability").verdict is not Verdict.FAIL


@pytest.mark.parametrize(("copies", "weight"), [(20, 10), (500, 100)])
def test_a_mirrored_candidate_that_gets_far_fewer_copies_than_its_share_fails(copies: int, weight: int) -> None:
    evidence = run(started(), 20, candidate=(copies, 0), stable=(1000, 0), weight=weight, mirrored=True)
    found = verdict(evidence, "availability")
    assert (found.verdict, found.reason) == (Verdict.FAIL, reasons.TRAFFIC_SHARE_TOO_LOW)


@pytest.mark.parametrize("weight", [None, 0, 100])
def test_the_share_proves_nothing_where_the_weight_does_not_govern_it(weight: int | None) -> None:
    evidence = started()
    gateway = Gateway()
    for minute in range(1, 10):
        gateway.serve(STABLE, 1000)
        gateway.serve(CANDIDATE, 1)
        evidence = looked(evidence, snapshot(MINUTE * minute, gateway), weight=weight)
    assert verdict(evidence, "availability").verdict is Verdict.PASS


def test_availability_is_always_on_and_can_be_declared() -> None:
    own = AvailabilitySignal(name="up", min_share=0.5, required=False)
    assert [found.name for found in judge(started(ERRORS, own))] == ["errors", "up"]
    assert verdict(started(ERRORS, own), "up").required is False


def test_alpha_is_split_over_tests_and_attempts() -> None:
    limited = ERRORS.model_copy(update={"max": 0.05})
    first, second = started(limited, LATENCY), started(limited, LATENCY, attempt=2)
    assert first.alpha_of_one_test == pytest.approx(0.05 / 2 / 5)
    assert second.alpha_of_one_test == pytest.approx(0.05 / 6 / 5)


def test_at_margin_zero_only_a_better_candidate_passes() -> None:
    strict = ERRORS.model_copy(update={"max_increase": 0.0})
    same = run(started(strict), 60, candidate=(95, 5), stable=(855, 45))
    better = run(started(strict), 60, candidate=(100, 0), stable=(810, 90))
    assert verdict(same, "errors").verdict is Verdict.INCONCLUSIVE
    assert verdict(better, "errors").verdict is Verdict.PASS


def test_a_pass_is_lost_again_when_the_candidate_breaks_late() -> None:
    gateway = Gateway()
    evidence = run(started(), 300, candidate=(99, 1), stable=(891, 9), gateway=gateway)
    assert verdict(evidence, "errors").verdict is Verdict.PASS
    for minute in range(301, 310):
        gateway.serve(CANDIDATE, 80, 20)
        gateway.serve(STABLE, 891, 9)
        evidence = looked(evidence, snapshot(MINUTE * minute, gateway))
    assert verdict(evidence, "errors").verdict is Verdict.FAIL


traffic = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, 20), st.integers(0, 900), st.integers(0, 20), st.booleans()),
    max_size=12,
)


@given(traffic)
@settings(max_examples=60)
def test_evidence_survives_json_repeats_nothing_and_is_deterministic(
    minutes: list[tuple[int, int, int, int, bool]],
) -> None:
    gateway, one, two = Gateway(), started(), started()
    for minute, (good, bad, stable_good, stable_bad, ready) in enumerate(minutes, start=1):
        gateway.serve(CANDIDATE, good, bad, slow=min(bad, good))
        gateway.serve(STABLE, stable_good, stable_bad)
        seen = snapshot(MINUTE * minute, gateway)
        one = looked(one, seen, weight=10, ready=ready)
        two = looked(Evidence.model_validate_json(two.model_dump_json(by_alias=True)), seen, weight=10, ready=ready)
        assert one == two
        assert looked(one, seen, weight=10, ready=ready) == one
        assert judge(one) == judge(two)
    assert one.candidate_requests == sum(good + bad for good, bad, *_ in minutes)
    assert one.stable_requests == sum(good + bad for _, _, good, bad, _ in minutes)


def test_evidence_stays_small() -> None:
    limited = ERRORS.model_copy(update={"max": 0.05})
    evidence = started(limited, LATENCY)
    gateways = [Gateway(f"gateway-7d9f8b6c5-{number:05d}") for number in range(8)]
    for minute in range(1, 200):
        for gateway in gateways:
            gateway.serve(CANDIDATE, 1000, minute % 7, slow=minute % 3)
            gateway.serve(STABLE, 9000, minute % 11)
        evidence = looked(evidence, snapshot(MINUTE * minute, *gateways), weight=10)
    assert len(evidence.model_dump_json(by_alias=True)) < 8 * 1024
