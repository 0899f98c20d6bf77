"""Runs that somebody outside asks for: a person by `serinus retrain`, a system by an event."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from serinus.core.decision import Input
from serinus.core.observation import Action, Problem
from serinus.core.retraining.causes import MANUAL
from serinus.core.retraining.consider import begun, decided, with_serving
from serinus.core.retraining.limits import used_up
from serinus.core.retraining.state import EVENTS_KEPT, Cause, HandledEvent, RetrainingState
from serinus.core.retraining.telling import told
from serinus.core.spec import EventTrigger, ModelDeploymentSpec
from serinus.core.state import RolloutState

OLDEST: Final = timedelta(minutes=15)
AHEAD: Final = timedelta(minutes=5)  # that another system's clock may be
LONGEST_REASON: Final = 500  # characters


def why_not_asked(seen: Input) -> str:
    """Why a person cannot have a run, or nothing."""
    spec, memory, training = seen.spec.retraining, seen.state.retraining, seen.observed.training
    if spec is None:
        return "the spec has no retraining section, which names the pipeline; add it"
    if memory is not None and memory.run is not None:
        return f"run {memory.run.key} is asked for already, and one runs at a time; look with `serinus explain`"
    if isinstance(training, Problem):
        return training.message
    hold = used_up(memory, spec, seen.now) if memory else None
    return f"{hold.message}; raise maxRuns if it is worth it" if hold else ""


def asked_by_person(seen: Input, action: Action) -> tuple[RolloutState, str]:
    """The state with the run, or with the request noted, and what to tell. Only if `why_not_asked` says nothing."""
    spec = seen.spec.retraining
    if spec is None:
        raise AssertionError("retrain was not refused although the spec has no retraining section")
    memory = with_serving(seen.state.retraining or begun(seen.now), seen.state, seen.now)
    reason = f": {action.reason[:LONGEST_REASON]}" if action.reason else ""
    memory = _wanting(
        memory, Cause(trigger=MANUAL, message=f"asked for by {action.by or 'unknown'}{reason}", since=seen.now)
    )
    memory = told(decided(memory, spec, seen.state, seen), seen.now)
    message = f"run {memory.run.key} was asked for" if memory.run else f"noted: {memory.message}"
    return seen.state.model_copy(update={"retraining": memory}), message


@dataclass(frozen=True)
class Event:
    """A CloudEvent, as far as retraining reads it."""

    id: str
    source: str
    type: str
    time: datetime


class Why(Enum):
    """Why an event is not taken: it was taken before, nobody asks for its kind, it is too old, or there are too many."""

    KNOWN = auto()
    UNWANTED = auto()
    STALE = auto()
    TOO_MANY = auto()


@dataclass(frozen=True)
class Refused:
    """Why an event is not taken, and the sentence for its sender."""

    why: Why
    message: str


def with_event(state: RolloutState, spec: ModelDeploymentSpec, event: Event, now: datetime) -> RolloutState | Refused:
    """The state that remembers the event and what it asks for."""
    triggers = spec.retraining.triggers if spec.retraining else ()
    types = [one.event_type for one in triggers if isinstance(one, EventTrigger)]
    if event.type not in types:
        return Refused(
            Why.UNWANTED, f'no Event trigger of this deployment has eventType "{event.type}"; it has {types or "none"}'
        )
    memory = state.retraining or begun(now)
    recent = tuple(one for one in memory.events if now - one.time <= OLDEST)
    name = f"{event.source} {event.id}"
    if any(one.id == name for one in recent):
        return Refused(Why.KNOWN, f'event "{event.id}" of {event.source} was taken before; nothing is done again')
    if not -AHEAD <= now - event.time <= OLDEST:
        return Refused(
            Why.STALE,
            f"the event is of {event.time.isoformat()}, and now is {now.isoformat()}; send it within 15 minutes",
        )
    if len(recent) >= EVENTS_KEPT:
        return Refused(Why.TOO_MANY, f"{EVENTS_KEPT} events came within 15 minutes; send fewer")
    handled = HandledEvent(id=name, time=event.time)
    cause = Cause(trigger="Event", message=f"{event.type} of {event.source} ({event.id})", since=now)
    memory = _wanting(memory.changed(events=(*recent, handled)), cause)
    return state.model_copy(update={"retraining": told(memory, now)})


def _wanting(memory: RetrainingState, cause: Cause) -> RetrainingState:
    """What is wanted already is wanted once."""
    if any(one.trigger == cause.trigger for one in memory.wanted):
        return memory
    return memory.changed(wanted=(*memory.wanted, cause))
