"""What a person can do now: the commands that would not be refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serinus.cli.homes import Found, Home
from serinus.core.observation import Verb
from serinus.core.policies.people import POSSIBLE_IN
from serinus.core.state import Phase, RolloutState

EFFECTS: Final[Mapping[Verb, str]] = {
    Verb.PROMOTE: "{candidate} gets all requests now, whatever the evidence says",
    Verb.ABORT: "{candidate} is taken back, and rejected until retry",
    Verb.RETRY: "the rejected version is tried again",
    Verb.PAUSE: "the weight stays; harm still ends the rollout",
    Verb.RESUME: "the rollout goes on, with new deadlines",
    Verb.ROLLBACK: "back to {former}; {stable} is rejected until retry",
    Verb.RETRAIN: "the next version is trained now",
}


@dataclass(frozen=True)
class Command:
    """A command line and what it does."""

    command: str
    effect: str


def commands(found: Found, home: Home) -> tuple[Command, ...]:
    """Every request that fits the phase; and where to look further."""
    state = found.state
    verbs = [verb for verb in Verb if found.is_known and _is_possible(verb, found)]
    asked = [Command(home.command(verb, found.key), _effect(verb, state)) for verb in verbs]
    look = [Command(home.command("history", found.key), "the finished rollouts with their numbers")] * bool(
        state.history
    )
    return (*asked, *look)


def _is_possible(verb: Verb, found: Found) -> bool:
    state = found.state
    if verb is Verb.RETRAIN:
        under_way = state.retraining is not None and state.retraining.run is not None
        return found.spec is not None and found.spec.retraining is not None and not under_way
    if verb is Verb.ROLLBACK and state.former is None:
        return False
    return state.phase in POSSIBLE_IN[verb]


def _effect(verb: Verb, state: RolloutState) -> str:
    if verb is Verb.RETRY and state.phase is Phase.FAILED:
        return "the deployment starts over"
    labels = {
        "candidate": state.rollout.candidate.label if state.rollout else "",
        "former": state.former.label if state.former else "",
        "stable": state.stable.label if state.stable else "",
    }
    return EFFECTS[verb].format(**labels)
