"""One look at the evidence: fold the counters since the last one, once per interval of the policy."""

from dataclasses import replace
from datetime import datetime, timedelta

from serinus.core import analysis
from serinus.core.decision import Input
from serinus.core.elapsed import has_passed
from serinus.core.observation import MetricsSnapshot, RevisionStatus
from serinus.core.planning import candidate_weight, mirrored_share
from serinus.core.policies.shares import is_in_force, step_share
from serinus.core.state import EvidencePoint, Phase, Rollout, Stage

CURVE_POINTS = 32  # of 2 KiB each, in memory and in the status, for every rollout under way
LONGEST_GAP = 2  # intervals; after a longer one Serinus was away, and its time does not count as held
SHORTEST_ABSENCE = timedelta(seconds=10)  # a busy machine is not an absent one

JUDGED = frozenset({Phase.PROGRESSING, Phase.PAUSED, Phase.AWAITING_APPROVAL})
COUNTED = JUDGED | {Phase.ROLLING_BACK}


def with_latest_counts(seen: Input) -> Input:
    """The input with the rollout's evidence brought up to date, if a look is due and the counters could be had."""
    rollout, snapshot = seen.state.rollout, seen.observed.metrics
    if rollout is None or not isinstance(snapshot, MetricsSnapshot):
        return seen
    if seen.state.phase not in COUNTED or not is_due(seen, rollout):
        return seen
    state = seen.state.model_copy(update={"rollout": looked(seen, rollout, snapshot)})
    return replace(seen, state=state)


def is_due(seen: Input, rollout: Rollout) -> bool:
    """Whether an interval has passed since the last look; while rolling back every look counts the last requests."""
    if rollout.looked_at is not None and seen.state.phase is Phase.ROLLING_BACK:
        return seen.now > rollout.looked_at
    return interval_is_over(rollout, seen.now)


def interval_is_over(rollout: Rollout, now: datetime) -> bool:
    """Whether an interval of the policy has passed since the last look."""
    return rollout.looked_at is None or has_passed(rollout.policy.interval, rollout.looked_at, now)


def looked(seen: Input, rollout: Rollout, snapshot: MetricsSnapshot) -> Rollout:
    """The rollout after one more look."""
    evidence = analysis.look(
        rollout.evidence,
        analysis.Look(
            snapshot=snapshot,
            candidate_status=candidate_status(seen, rollout),
            stable_status=seen.observed.serving.revisions.get(seen.state.stable.id) if seen.state.stable else None,
            weight=steady_share(seen, rollout),
            mirrored=rollout.policy.strategy.mirrors,
            clock_put_back=rollout.looked_at is not None and seen.now < rollout.looked_at,
            quality=seen.observed.quality,
            queries=seen.observed.queries,
            answers=seen.observed.answers,
        ),
    )
    if evidence is rollout.evidence:
        return rollout  # nothing new was seen, so no time was held either
    changed = rollout.model_copy(
        update={
            "evidence": evidence,
            "looked_at": seen.now,
            "hold_seconds": rollout.hold_seconds + held(seen, rollout).total_seconds(),
        }
    )
    return changed.model_copy(update={"curve": thinned((*rollout.curve, point(seen, changed)))})


def candidate_status(seen: Input, rollout: Rollout) -> RevisionStatus | None:
    """How the candidate is doing. While it is given more replicas, those that are to come are not missing."""
    status = seen.observed.serving.revisions.get(rollout.candidate.id)
    if status is None or rollout.stage is not Stage.SCALING:
        return status
    return replace(status, ready=status.ready_replicas > 0)


def steady_share(seen: Input, rollout: Rollout) -> int | None:
    """The step's share that was in force for the whole interval, or None where the share of requests proves nothing."""
    policy = rollout.policy
    if policy.sticky or policy.match or not was_judged(seen, rollout) or not is_in_force(seen):
        return None
    return step_share(rollout)


def was_judged(seen: Input, rollout: Rollout) -> bool:
    """Whether the step's weight was already in force at the last look."""
    analysed = seen.state.phase in JUDGED and rollout.stage is Stage.ANALYSING
    return analysed and rollout.looked_at is not None and rollout.looked_at >= rollout.stage_since


def held(seen: Input, rollout: Rollout) -> timedelta:
    """How much hold time this look adds: only what was observed, so a longer absence, or a clock put back, adds nothing.

    Who is there and has too much to do is late, not absent: what it counts then was counted all the while.
    """
    if seen.state.phase is not Phase.PROGRESSING or rollout.stage is not Stage.ANALYSING:
        return timedelta()
    gap = seen.now - max(rollout.looked_at or rollout.stage_since, rollout.stage_since)
    longest = max(LONGEST_GAP * rollout.policy.interval, SHORTEST_ABSENCE) + seen.late
    return gap if timedelta() <= gap <= longest else timedelta()


def point(seen: Input, rollout: Rollout) -> EvidencePoint:
    """The evidence curve's newest point."""
    evidence = rollout.evidence
    return EvidencePoint(
        at=seen.now,
        weight=candidate_weight(seen.state),
        mirror=mirrored_share(seen.state),
        candidate_requests=evidence.candidate_requests,
        candidate_failed=evidence.totals.candidate.bad,
        stable_requests=evidence.stable_requests,
        stable_failed=evidence.totals.stable.bad,
        signals={verdict.name: dict(verdict.numbers) for verdict in analysis.judge(evidence)},
    )


def thinned(curve: tuple[EvidencePoint, ...]) -> tuple[EvidencePoint, ...]:
    """At most CURVE_POINTS points: when there are more, every second of the older half goes."""
    if len(curve) <= CURVE_POINTS:
        return curve
    half = len(curve) // 2
    return (*curve[:half:2], *curve[half:])
