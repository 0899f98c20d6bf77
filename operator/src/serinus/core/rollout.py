"""`decide`: fold what was counted, ask the chain of the phase, and say what the world should look like now."""

from dataclasses import replace
from datetime import datetime, timedelta

from serinus.core.conditions import trouble_of, with_conditions
from serinus.core.decision import Decision, Input, Step
from serinus.core.elapsed import caught_up
from serinus.core.looking import with_latest_counts
from serinus.core.planning import plan
from serinus.core.policies import ALWAYS, CHAINS
from serinus.core.retraining.consider import with_retraining
from serinus.core.retraining.due import due_in
from serinus.core.retraining.telling import retraining_notes
from serinus.core.state import RolloutState, Warm
from serinus.core.watching.drifted import drift_notes
from serinus.core.watching.looks import next_look
from serinus.core.watching.watch import with_drift


def decide(seen: Input) -> Decision:
    """The next state and the world that follows from it. Deterministic: the same input gives the same decision."""
    step = first_answer(with_latest_counts(replace(seen, state=caught_up(seen.state, seen.now))))
    serving = seen.observed.serving
    kept = {name: until_over(getattr(step.state, name), seen.now) for name in ("warm", "kept")}
    changes = {"url": serving.url, "mode": serving.mode, **kept}
    state = with_retraining(with_drift(step.state.model_copy(update=changes), seen), seen)
    state = with_conditions(state, seen.observed, seen.now)
    due = due_in(seen.spec, state, seen.now)
    return Decision(
        next_state=state,
        plan=plan(seen.spec, state),
        reason=state.reason,
        message=state.message,
        evidence=latest_evidence(state),
        requeue_after=step.requeue_after if due is None else min(step.requeue_after, due),
        changed=noticeable(seen.state, state),
        changes_in=soonest(serving.changes_in, next_look(seen.spec, state, seen.now), due),
        trouble=trouble_of(state, seen.observed),
        notes=(*drift_notes(seen.state, state), *retraining_notes(seen.state.retraining, state.retraining)),
    )


def first_answer(seen: Input) -> Step:
    """The first policy that speaks decides; a chain ends with one that always does."""
    for policy in (*ALWAYS, *CHAINS[seen.state.phase]):
        step = policy(seen)
        if step is not None:
            return step
    return Step(seen.state)


def soonest(*spans: timedelta | None) -> timedelta | None:
    """The shortest that is known."""
    return min((span for span in spans if span is not None), default=None)


def until_over(kept: Warm | None, now: datetime) -> Warm | None:
    """What is kept running, until its time is over, whatever the phase."""
    return kept if kept and now < kept.until else None


def latest_evidence(state: RolloutState) -> dict[str, dict[str, float]]:
    """The numbers of every signal at the last look of the rollout under way."""
    return state.rollout.curve[-1].signals if state.rollout and state.rollout.curve else {}


def noticeable(before: RolloutState, after: RolloutState) -> bool:
    """Whether a person would notice: another phase, reason, weight or answer to a request (not the evidence alone)."""
    return _face(before) != _face(after)


def _face(state: RolloutState) -> tuple[object, ...]:
    rollout = state.rollout
    where = (rollout.id, rollout.step, rollout.stage, rollout.weight, rollout.mirror) if rollout else ()
    sentence = "" if rollout else state.message  # that of a rollout counts seconds and requests
    stable = state.stable and state.stable.id
    return (state.phase, state.reason, sentence, stable, where, state.handled_nonce, state.registry_problem)
