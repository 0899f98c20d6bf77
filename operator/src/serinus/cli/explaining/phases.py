"""For each phase: what it waits for, and what comes next and when. It asks the policies' own functions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from serinus.cli.explaining.forecasts import outlook
from serinus.cli.explaining.seen import Seen
from serinus.core import reasons
from serinus.core.conditions import NOT_ASKED
from serinus.core.policies.analysing import strictest, unsettled
from serinus.core.policies.shares import at_share, giving
from serinus.core.policies.stepping import is_pause, takes_over_next, weight_step
from serinus.core.policies.waiting import timed_pause
from serinus.core.spec import (
    Approval,
    DriftSignal,
    OnFailure,
    OnInconclusive,
    PauseStep,
    Strategy,
    WeightStep,
    format_duration,
)
from serinus.core.state import Phase, Stage

Sentences = tuple[str, ...]


@dataclass(frozen=True)
class Prospect:
    """`waits`: what must happen before anything changes. `next`: what changes then, or at a deadline."""

    waits: Sentences = ()
    next: Sentences = ()


def prospect(seen: Seen) -> Prospect:
    """What the phase waits for and what comes next."""
    return _PHASES[seen.state.phase](seen)


def _pending(seen: Seen) -> Prospect:
    if seen.state.stable is None:
        return Prospect((f"a version to serve: {seen.state.message}",), ("the first version is brought up",))
    by = seen.due(seen.state.phase_since + seen.spec.rollout.ready_deadline)
    return Prospect(
        (f"{seen.stable} to be ready and to get all requests",),
        (
            "then it serves all requests, and every later version comes as a rollout",
            f"at {by}: Failed, if it is not ready by then",
        ),
    )


def _invalid(seen: Seen) -> str:
    """What is wrong with the spec, or an empty string."""
    found = (one.message for one in seen.state.conditions if (one.status, one.reason) == ("True", reasons.SPEC_INVALID))
    return next(found, "")


def _stable(seen: Seen) -> Prospect:
    if _invalid(seen):
        waits = f"the spec to be put right: {_invalid(seen)}"
        return Prospect((waits,), (f"{seen.stable} goes on serving until then", *_kept(seen)))
    if seen.state.reason == reasons.MIRRORING_UNAVAILABLE:
        strategy = seen.spec.rollout.strategy
        waits = f"something that copies requests, or another strategy in the spec (now {strategy})"
        return Prospect((waits,), ("then the rollout begins by itself", *_kept(seen)))
    return Prospect((_another_version(seen),), (f"a rollout beside {seen.stable} when there is one", *_kept(seen)))


def _deploying(seen: Seen) -> Prospect:
    rollout = seen.rollout
    by = seen.due(seen.state.phase_since + rollout.policy.ready_deadline)
    known = rollout.candidate.id in seen.state.promoted
    if known or rollout.policy.strategy is Strategy.IMMEDIATE:
        then = "all requests at once, " + ("because it was promoted before" if known else "as strategy Immediate says")
    else:
        then = _step(seen, 0)
    return Prospect(
        (f"{seen.candidate} to be ready; until then it gets no requests",),
        (f"then {then}", f"at {by}: taken back and rejected, if it is not ready by then"),
    )


def _progressing(seen: Seen) -> Prospect:
    rollout = seen.rollout
    if rollout.stage is Stage.ANALYSING or is_pause(rollout):
        return _analysing(seen)
    by = seen.due(rollout.stage_since + rollout.policy.ready_deadline)
    weight = weight_step(rollout).weight
    wait = (
        f"{seen.candidate} to be ready before {_it_gets(seen, weight)}"
        if rollout.stage is Stage.SCALING
        else f"the route to be accepted, {giving(rollout, weight)}"
    )
    then = f"then {_step(seen, rollout.step)}"
    return Prospect((wait,), (then, f"at {by}: taken back and rejected, if that has not happened by then"))


def _analysing(seen: Seen) -> Prospect:
    rollout = seen.rollout
    last = f"at {seen.due(rollout.deadline_since + rollout.policy.deadline)}: {_at_deadline(seen)}"
    return Prospect(_open(seen), (f"then {_after(seen)}", *_harm(seen), last))


def _harm(seen: Seen) -> Sentences:
    rolls_back = seen.rollout.policy.on_failure is OnFailure.ROLLBACK
    harm = f"at any time: {'taken back and rejected' if rolls_back else 'paused'}, as soon as a signal shows harm"
    drifts = any(isinstance(one, DriftSignal) for one in seen.rollout.policy.signals)
    return (harm, *(["at any time: paused, if its answers drift from stable's"] if drifts and _may_pause(seen) else []))


def _may_pause(seen: Seen) -> bool:
    """Whether it is not paused yet."""
    return seen.state.phase is Phase.PROGRESSING


def _open(seen: Seen) -> Sentences:
    """What the step still needs: time, requests, evidence."""
    rollout = seen.rollout
    if is_pause(rollout):
        return ("the pause step to begin",)
    step = weight_step(rollout)
    found: list[str] = []
    if seen.state.reason == reasons.METRICS_UNAVAILABLE:
        found.append(f"the metrics, without which nothing moves and no time counts: {seen.state.message}")
    elif seen.state.reason in NOT_ASKED:
        found.append(f"an answer, without which nothing moves: {seen.state.message}")
    if (missing := step.hold.total_seconds() - rollout.hold_seconds) > 0:
        found.append(f"another {missing:.0f} s observed at {at_share(rollout)} (hold: {format_duration(step.hold)})")
    had = rollout.evidence.candidate_requests - rollout.step_requests
    if had < step.min_requests and not rollout.proceed:
        found.append(f"{step.min_requests - had:,} more requests at {at_share(rollout)} (has had {had:,})")
    if takes_over_next(rollout) and not rollout.proceed:
        found += [
            f"signal {one.name} to pass: {one.message}{outlook(rollout, one)}" for one in unsettled(seen.as_input)
        ]
    return tuple(found) or ("the next look at the counters",)


def _paused(seen: Seen) -> Prospect:
    duration = timed_pause(seen.as_input)
    if duration is not None:
        by = seen.due(seen.state.phase_since + duration)
        return Prospect((f"the pause of {format_duration(duration)} to be over",), (f"at {by}: {_after(seen)}",))
    return _for_people(seen, f"then, on resume: {_after(seen) if is_pause(seen.rollout) else 'the step goes on'}")


def _awaiting_approval(seen: Seen) -> Prospect:
    return _for_people(seen, f"then, on promote: {seen.candidate} gets all requests")


def _for_people(seen: Seen, then: str) -> Prospect:
    by = seen.due(seen.state.phase_since + seen.rollout.policy.deadline)
    harm = _harm(seen) if seen.rollout.policy.on_failure is OnFailure.ROLLBACK else ()
    return Prospect(
        ("a person to decide",),
        (then, *harm, f"at {by}: taken back and rejected, if nobody has answered by then"),
    )


def _promoting(seen: Seen) -> Prospect:
    by = seen.due(seen.state.phase_since + seen.rollout.policy.ready_deadline)
    return Prospect(
        (f"the route to give {seen.candidate} all requests, and it to be ready",),
        (f"then it is stable, and {seen.stable} stays warm", f"at {by}: taken back and rejected, if not by then"),
    )


def _rolling_back(seen: Seen) -> Prospect:
    by = seen.due(seen.state.phase_since + seen.rollout.policy.ready_deadline)
    ending = seen.rollout.ending
    then = (
        f"{seen.candidate} is rejected until `serinus retry`"
        if ending and ending.rejects
        else f"{seen.candidate} is taken away and not rejected"
    )
    return Prospect(
        (f"the route to give {seen.stable} all requests again",),
        (f"then {then}", f"at {by}: Failed, if the route has not followed by then"),
    )


def _rolled_back(seen: Seen) -> Prospect:
    waits = f"the spec to be put right: {_invalid(seen)}" if _invalid(seen) else f"{_another_version(seen)}, or a retry"
    return Prospect(
        (waits,),
        (f"{seen.stable} goes on serving all requests; nothing changes by itself", *_kept(seen)),
    )


def _failed(seen: Seen) -> Prospect:
    late = (f"{seen.stable} to become ready after all",) if seen.state.stable else ()
    return Prospect((*late, "another version in the spec, or a retry"), ("then the deployment starts over",))


def _another_version(seen: Seen) -> str:
    model = seen.spec.model
    if model.alias:
        return f"alias {model.alias} of model {model.name} to move"
    return f"another version of model {model.name} in the spec (now {model.version or model.uri})"


def _kept(seen: Seen) -> Sentences:
    """What still runs without requests, and how long."""
    warm, kept = seen.state.warm, seen.state.kept
    sentences = []
    if warm:
        sentences.append(f"at {seen.due(warm.until)}: {warm.revision.label} is no longer kept warm for a fast rollback")
    if kept:
        sentences.append(f"at {seen.due(kept.until)}: rejected {kept.revision.label} is no longer kept to be looked at")
    return tuple(sentences)


def _after(seen: Seen) -> str:
    """What follows the step under way."""
    following = seen.rollout.step + 1
    if following < len(seen.rollout.policy.steps):
        return _step(seen, following)
    if seen.rollout.policy.strategy is Strategy.SHADOW:
        return "it waits for `serinus promote` (strategy Shadow)"
    if seen.rollout.policy.approval is Approval.MANUAL:
        return "it waits for `serinus promote` (approval: Manual)"
    return f"{seen.candidate} gets all requests"


def _it_gets(seen: Seen, weight: int) -> str:
    return f"{weight} % is mirrored to it" if seen.rollout.policy.strategy.mirrors else f"it gets {weight} %"


def _step(seen: Seen, number: int) -> str:
    """A step in words."""
    steps = seen.rollout.policy.steps
    name = f"step {number + 1} of {len(steps)}"
    match steps[number]:
        case PauseStep(pause=pause):
            return f"{name}: a pause " + (f"of {format_duration(pause.duration)}" if pause.duration else "for a person")
        case WeightStep() as step:
            requests = f" and {step.min_requests:,} requests" if step.min_requests else ""
            mirrored = " mirrored" if seen.rollout.policy.strategy.mirrors else ""
            return f"{name}: {step.weight} %{mirrored} for at least {format_duration(step.hold)}{requests}"


def _at_deadline(seen: Seen) -> str:
    """What the policy says of evidence that is not conclusive by then."""
    rollout = seen.rollout
    asked = OnInconclusive.PAUSE if rollout.proceed else strictest(seen.as_input, unsettled(seen.as_input))
    match asked:
        case OnInconclusive.ROLLBACK:
            return "taken back and rejected, if there is no verdict by then"
        case OnInconclusive.PROCEED:
            return "it goes on without a verdict, as onInconclusive says"
        case OnInconclusive.PAUSE:
            return "paused for a person, if there is no verdict by then"


_PHASES: Final[Mapping[Phase, Callable[[Seen], Prospect]]] = {
    Phase.PENDING: _pending,
    Phase.STABLE: _stable,
    Phase.DEPLOYING: _deploying,
    Phase.PROGRESSING: _progressing,
    Phase.PAUSED: _paused,
    Phase.AWAITING_APPROVAL: _awaiting_approval,
    Phase.PROMOTING: _promoting,
    Phase.ROLLING_BACK: _rolling_back,
    Phase.ROLLED_BACK: _rolled_back,
    Phase.FAILED: _failed,
}
