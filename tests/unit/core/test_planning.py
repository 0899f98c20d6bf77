"""The plan, the conditions and the looks as functions of the state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from serinus.core.conditions import with_conditions
from serinus.core.looking import CURVE_POINTS, thinned, with_latest_counts
from serinus.core.observation import MetricsSnapshot, Observation, Problem
from serinus.core.plan import Role
from serinus.core.planning import plan
from serinus.core.revision import revision_of
from serinus.core.state import IN_ROLLOUT, EvidencePoint, Phase, RolloutState, Warm
from tests.unit.core.builders import BOTH, CANDIDATE, NOW, OTHER, STABLE, rollout, seen, serving, spec, state

MATCH = {"header": {"name": "X-Tester", "value": "yes"}}
WEIGHED = {Phase.PROGRESSING: 10, Phase.PAUSED: 10, Phase.AWAITING_APPROVAL: 10, Phase.PROMOTING: 100}


@pytest.mark.parametrize("phase", sorted(IN_ROLLOUT))
def test_the_candidate_has_weight_in_the_phases_that_give_it_some_and_in_no_other(phase: Phase) -> None:
    wanted = plan(spec(), state(phase, weight=10))
    share = WEIGHED.get(phase, 0)
    assert dict(wanted.weights) == {STABLE.id: 100 - share, CANDIDATE.id: share}


@pytest.mark.parametrize("phase", sorted(IN_ROLLOUT))
@pytest.mark.parametrize("strategy", ["BlueGreen", "Shadow"])
def test_a_mirrored_candidate_gets_copies_while_it_is_tried_and_no_request_before_its_promotion(
    phase: Phase, strategy: str
) -> None:
    wanted = plan(spec(), state(phase, spec(strategy=strategy).rollout, mirror=10))
    share = 100 if phase is Phase.PROMOTING else 0
    assert dict(wanted.weights) == {STABLE.id: 100 - share, CANDIDATE.id: share}
    assert wanted.mirror == (WEIGHED[phase] if phase in WEIGHED and not share else 0)


@pytest.mark.parametrize("phase", [Phase.STABLE, Phase.ROLLED_BACK, Phase.FAILED])
def test_without_a_rollout_stable_has_everything(phase: Phase) -> None:
    wanted = plan(spec(), state(phase, warm=Warm(revision=OTHER, until=NOW)))
    assert dict(wanted.weights) == {STABLE.id: 100}
    assert {one.role for one in wanted.served} == {Role.STABLE, Role.WARM}


def test_before_anything_is_known_nothing_is_served() -> None:
    wanted = plan(spec(), state(Phase.PENDING))
    assert (wanted.served, wanted.weights) == ((), ())


def test_a_warm_revision_that_comes_back_is_the_candidate_and_runs_once() -> None:
    wanted = plan(spec(), state(Phase.DEPLOYING, warm=Warm(revision=CANDIDATE, until=NOW)))
    assert [(one.revision.id, one.role) for one in wanted.served] == [
        (CANDIDATE.id, Role.CANDIDATE),
        (STABLE.id, Role.STABLE),
    ]


@pytest.mark.parametrize("phase", sorted(IN_ROLLOUT))
def test_testers_reach_the_candidate_by_header_only_while_it_may_have_traffic(phase: Phase) -> None:
    wanted = plan(spec(), state(phase, spec(match=MATCH).rollout))
    allowed = phase in (Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL)
    assert (wanted.match is not None) == allowed


def test_histograms_have_the_edges_of_the_rollout_and_of_the_spec() -> None:
    old = spec(signals=[{"name": "a", "type": "Latency", "threshold": "100ms"}]).rollout
    new = spec(signals=[{"name": "a", "type": "Latency", "threshold": "2s"}])
    assert plan(new, state(Phase.PROGRESSING, old)).latency_edges_seconds == (0.1, 2.0)


def test_the_same_content_is_the_same_revision_whatever_the_order_of_its_fields() -> None:
    one = revision_of(STABLE.artifact, {"a": 1, "b": {"c": 2, "d": 3}})
    assert one.id == revision_of(STABLE.artifact, {"b": {"d": 3, "c": 2}, "a": 1}).id
    assert one.id != revision_of(CANDIDATE.artifact, {"a": 1, "b": {"c": 2, "d": 3}}).id


# ---- conditions


def status_of(before: RolloutState, name: str, world: Observation) -> tuple[str, str]:
    after = with_conditions(before, world, NOW)
    found = next(one for one in after.conditions if one.type == name)
    return found.status, found.reason


OBSERVED = Observation(CANDIDATE, BOTH)


@pytest.mark.parametrize("phase", list(Phase))
def test_conditions_follow_from_the_phase(phase: Phase) -> None:
    before = state(phase)
    assert status_of(before, "Ready", OBSERVED)[0] == ("False" if phase in (Phase.PENDING, Phase.FAILED) else "True")
    moving = phase in IN_ROLLOUT or phase is Phase.PENDING
    assert status_of(before, "Progressing", OBSERVED)[0] == ("True" if moving else "False")
    bad = phase in (Phase.ROLLED_BACK, Phase.FAILED)
    assert status_of(before, "Degraded", OBSERVED)[0] == ("True" if bad else "False")


def test_a_stable_revision_that_is_down_is_not_ready() -> None:
    observed = Observation(STABLE, serving(weights={STABLE.id: 100}))
    assert status_of(state(Phase.STABLE), "Ready", observed) == ("False", "StableNotReady")


def test_a_target_that_cannot_be_resolved_is_degraded() -> None:
    observed = Observation(Problem("TargetUnresolved", "version 9 is not there"), BOTH)
    assert status_of(state(Phase.STABLE), "Degraded", observed) == ("True", "TargetUnresolved")


def test_the_transition_time_moves_only_with_the_status() -> None:
    first = with_conditions(state(Phase.STABLE), OBSERVED, NOW)
    later = NOW + timedelta(hours=1)
    same = with_conditions(first.model_copy(update={"reason": "Other", "message": "other"}), OBSERVED, later)
    assert [one.last_transition_time for one in same.conditions] == [NOW] * 3
    failed = with_conditions(first.model_copy(update={"phase": Phase.FAILED}), OBSERVED, later)
    assert [one.last_transition_time for one in failed.conditions] == [later, NOW, later]


# ---- looking


def test_counters_are_folded_once_an_interval() -> None:
    before = state(Phase.PROGRESSING, stage="Analysing", looked_at=NOW)
    early = seen(before, after=0.9, metrics=MetricsSnapshot(NOW + timedelta(seconds=0.9)))
    assert with_latest_counts(early) is early
    due = with_latest_counts(seen(before, after=1, metrics=MetricsSnapshot(NOW + timedelta(seconds=1))))
    assert due.state.rollout
    assert due.state.rollout.hold_seconds == 1.0


@pytest.mark.parametrize(("seconds", "held"), [(1.0, 1.0), (2.0, 2.0), (10.0, 10.0), (10.1, 0.0), (3600.0, 0.0)])
def test_an_absence_adds_no_hold_time_and_a_late_look_does(seconds: float, held: float) -> None:
    before = state(Phase.PROGRESSING, stage="Analysing", looked_at=NOW)
    after = with_latest_counts(
        seen(before, after=seconds, metrics=MetricsSnapshot(NOW + timedelta(seconds=seconds)))
    ).state.rollout
    assert after
    assert after.hold_seconds == held


def test_who_has_too_much_to_do_is_late_and_not_absent() -> None:
    before = state(Phase.PROGRESSING, stage="Analysing", looked_at=NOW)
    late = seen(before, after=25.0, metrics=MetricsSnapshot(NOW + timedelta(seconds=25)))
    for waited, held in ((14.0, 0.0), (15.0, 25.0)):
        after = with_latest_counts(replace(late, late=timedelta(seconds=waited))).state.rollout
        assert after
        assert after.hold_seconds == held


@pytest.mark.parametrize("stage", ["Scaling", "Shifting"])
def test_time_before_the_weight_is_in_force_is_not_held(stage: str) -> None:
    before = state(Phase.PROGRESSING, stage=stage, looked_at=NOW)
    after = with_latest_counts(seen(before, after=1, metrics=MetricsSnapshot(NOW + timedelta(seconds=1)))).state
    assert after.rollout
    assert after.rollout.hold_seconds == 0.0


def test_a_long_curve_is_thinned_where_it_is_old_and_keeps_its_ends() -> None:
    curve: tuple[EvidencePoint, ...] = ()
    for second in range(10 * CURVE_POINTS):
        at = NOW + timedelta(seconds=second)
        counts = {"candidate_requests": second, "candidate_failed": 0, "stable_requests": 0, "stable_failed": 0}
        curve = thinned((*curve, EvidencePoint(at=at, weight=10, signals={}, **counts)))
        assert len(curve) <= CURVE_POINTS
        assert (curve[0].at, curve[-1].at) == (NOW, at)
    assert [point.at for point in curve] == sorted(point.at for point in curve)


def test_the_rollouts_own_policy_is_what_is_planned_with() -> None:
    sticky = rollout(spec(sticky=True).rollout)
    assert plan(spec(), state(Phase.PROGRESSING).model_copy(update={"rollout": sticky})).sticky
