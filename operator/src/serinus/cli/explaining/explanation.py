"""Everything that `serinus explain` says, as a value."""

from dataclasses import dataclass
from datetime import datetime

from serinus.cli.explaining.commands import Command, commands
from serinus.cli.explaining.drifts import drift
from serinus.cli.explaining.phases import Prospect, prospect
from serinus.cli.explaining.retraining import retraining_lines
from serinus.cli.explaining.seen import Seen
from serinus.cli.homes import Found, Home
from serinus.core.conditions import SERVES_NOTHING
from serinus.core.planning import candidate_weight, mirrored_share
from serinus.core.policies.closing import signal_results
from serinus.core.state import RolloutState, SignalResult


@dataclass(frozen=True)
class Explanation:
    """`signals` are those of `rollout`: of the one under way, else of the last one that ended."""

    name: str
    phase: str
    since: datetime
    reason: str
    message: str
    url: str
    serves: tuple[str, ...]
    rollout: str
    looked_at: datetime | None
    signals: tuple[SignalResult, ...]
    drift: tuple[str, ...]
    waits: tuple[str, ...]
    next: tuple[str, ...]
    problems: tuple[str, ...]
    retraining: tuple[str, ...]
    last_request: str
    commands: tuple[Command, ...]


def explain(found: Found, home: Home, now: datetime) -> Explanation:
    """Why the deployment is as it is."""
    state = found.state
    ahead = prospect(Seen(state, found.spec, now)) if found.spec and found.is_known else Prospect()
    blocked = ("what is wrong above to be put right; nothing moves before that",) if found.complaint else ()
    rollout, last = state.rollout, state.history[-1] if state.history else None
    return Explanation(
        name=str(found.key),
        phase=state.phase,
        since=state.phase_since,
        reason=found.reason,
        message=found.message,
        url=state.url,
        serves=_serves(state),
        rollout=rollout.id if rollout else last.id if last else "",
        looked_at=rollout.looked_at if rollout else last.ended_at if last else None,
        signals=signal_results(rollout) if rollout else last.signals if last else (),
        drift=drift(state, now),
        waits=(*blocked, *ahead.waits),
        next=ahead.next,
        problems=_problems(found, home),
        retraining=retraining_lines(state),
        last_request=state.action_message,
        commands=commands(found, home),
    )


def _serves(state: RolloutState) -> tuple[str, ...]:
    if state.stable and state.phase in SERVES_NOTHING:
        return (f"nothing that is known to be ready; {state.stable.label} is to get all requests",)
    share = candidate_weight(state)
    serves = [f"{state.stable.label}: {100 - share} %"] if state.stable else []
    if state.rollout:
        mirrored = mirrored_share(state)
        copies = f", mirrors {mirrored} %, whose answers nobody sees" if mirrored else ""
        serves.append(
            f"{state.rollout.candidate.label}: {share} % (candidate, attempt {state.rollout.attempt}{copies})"
        )
    return tuple(serves) or ("nothing",)


def _problems(found: Found, home: Home) -> tuple[str, ...]:
    state = found.state
    degraded = [one.message for one in state.conditions if (one.type, one.status) == ("Degraded", "True")]
    unanswered = found.asked and found.asked != state.handled_nonce
    problems = [
        *found.notes,
        *(message for message in degraded if message != found.message),
        *([f"registry: {state.registry_problem}"] if state.registry_problem not in ("", *degraded) else []),
        *(["a request is there that nobody has answered yet"] if unanswered else []),
        *([home.nobody_works()] if home.nobody_works() else []),
    ]
    return tuple(problems)
