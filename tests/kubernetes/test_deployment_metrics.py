"""What Prometheus is told of a ModelDeployment follows its state, and goes when it goes."""

from datetime import timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serinus.core.state import Outcome, Phase
from serinus.kubernetes.deployment_metrics import FAMILIES, seen, stable_since
from serinus.kubernetes.telemetry import Telemetry
from tests.fakes.world import KEY, rolling_out, stable_world

OWN = {"namespace": KEY.namespace, "deployment": KEY.name}


def told(telemetry: Telemetry, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
    """The samples of a metric that bear these labels, without them."""
    families = text_string_to_metric_families(telemetry.text().decode())
    samples = [one for family in families for one in family.samples if one.name == f"serinus_{name}"]
    wanted = OWN | labels
    return [
        ({label: value for label, value in one.labels.items() if label not in wanted}, one.value)
        for one in samples
        if wanted.items() <= one.labels.items()
    ]


def telling(world: Any, trouble: str = "") -> Telemetry:
    telemetry = Telemetry()
    telemetry.seen(KEY, world.state, trouble)
    return telemetry


def test_exactly_one_phase_is_1_and_every_other_0() -> None:
    phases = {labels["phase"]: value for labels, value in told(telling(rolling_out()), "deployment_phase")}
    assert phases == {str(phase): float(phase is Phase.PROGRESSING) for phase in Phase}


def test_stable_and_candidate_are_named_by_their_versions_and_revisions() -> None:
    world = rolling_out()
    told_of = {labels["role"]: labels for labels, _ in told(telling(world), "revision_info")}
    assert {role: one["version"] for role, one in told_of.items()} == {"stable": "1", "candidate": "2"}
    assert world.state.rollout is not None
    assert told_of["candidate"]["revision"] == world.state.rollout.candidate.id


def test_each_signal_has_its_evidence_what_is_needed_and_one_verdict() -> None:
    world = rolling_out()
    world.tick()
    telemetry = telling(world)
    numbers = {labels["number"]: value for labels, value in told(telemetry, "signal", signal="errors")}
    assert {"harmEvidence", "harmNeeded", "safetyEvidence", "safetyNeeded"} <= numbers.keys()
    verdicts = told(telemetry, "signal_verdict", signal="errors", type="Errors")
    assert sorted(value for _, value in verdicts) == [0.0, 0.0, 0.0, 1.0]
    assert {labels["verdict"] for labels, value in verdicts if value} == {"Inconclusive"}


def test_what_is_of_a_rollout_goes_with_it() -> None:
    world = rolling_out()
    world.until_phase(Phase.STABLE)
    telemetry = telling(world)
    assert [labels["role"] for labels, _ in told(telemetry, "revision_info")] == ["stable"]
    for name in ("signal", "signal_verdict", "rollout_started_timestamp_seconds", "rollout_deadline_timestamp_seconds"):
        assert not told(telemetry, name), name


def test_the_deadline_is_that_of_the_policy_of_the_rollout_under_way() -> None:
    world = rolling_out(deadline="5m")
    telemetry = telling(world)
    ((_, began),) = told(telemetry, "rollout_started_timestamp_seconds")
    ((_, deadline),) = told(telemetry, "rollout_deadline_timestamp_seconds")
    assert began <= deadline - 300 <= world.clock.now().timestamp()


def test_the_age_of_what_serves_counts_from_its_promotion() -> None:
    world = rolling_out()
    world.until_phase(Phase.STABLE)
    promoted = world.state.history[-1].ended_at
    world.ask_version("3")
    world.until_phase(Phase.PROGRESSING)
    assert stable_since(world.state) == promoted


def test_a_first_revision_is_at_least_as_old_as_what_is_remembered_of_it() -> None:
    world = stable_world()
    began = world.state.phase_since
    assert stable_since(world.state) == began
    world.ask_version("2")
    world.until_phase(Phase.PROGRESSING)
    assert world.state.rollout is not None
    assert stable_since(world.state) == world.state.rollout.started_at
    without = world.state.model_copy(update={"promoted": ()})
    assert stable_since(without) is None


def test_the_beginning_of_a_phase_is_told_in_seconds_since_1970() -> None:
    world = rolling_out()
    ((_, since),) = told(telling(world), "phase_since_timestamp_seconds")
    assert since == world.state.phase_since.timestamp()
    assert world.clock.now() - world.state.phase_since < timedelta(minutes=1)


def test_rollouts_that_end_are_counted_by_deployment_from_0_on() -> None:
    telemetry = telling(stable_world())
    counted = {labels["outcome"]: value for labels, value in told(telemetry, "rollouts_finished_total")}
    assert counted == dict.fromkeys(map(str, Outcome), 0.0)
    telemetry.finished(KEY, Outcome.ROLLED_BACK)
    assert told(telemetry, "rollouts_finished_total", outcome="RolledBack") == [({}, 1.0)]


@pytest.mark.parametrize("end", ["forgotten", "deposed"])
def test_no_series_is_left_of_a_deployment_that_is_gone_or_is_anothers(end: str) -> None:
    telemetry = telling(rolling_out(), "TargetUnresolved")
    telemetry.finished(KEY, Outcome.PROMOTED)
    assert KEY.name in telemetry.text().decode()
    if end == "forgotten":
        telemetry.forget(KEY)
    else:
        telemetry.leading(leads=False)
    assert KEY.name not in telemetry.text().decode()


def test_a_complaint_is_told_of_a_deployment_that_was_never_reconciled_and_stays_beside_its_numbers() -> None:
    telemetry = Telemetry()
    telemetry.complained(KEY, "SpecInvalid")
    assert told(telemetry, "trouble") == [({"phase": "", "reason": "SpecInvalid"}, 1.0)]
    assert told(telemetry, "rollouts_finished_total", outcome="Promoted") == [({}, 0.0)]
    telemetry.seen(KEY, rolling_out().state)
    telemetry.complained(KEY, "SpecInvalid")
    assert told(telemetry, "trouble") == [({"phase": "Progressing", "reason": "SpecInvalid"}, 1.0)]
    assert len(told(telemetry, "revision_info")) == 2


def test_every_number_that_a_state_gives_has_a_family_that_tells_it() -> None:
    world = rolling_out()
    world.tick()
    assert set(seen(world.state).rows) <= {family.name for family in FAMILIES}
