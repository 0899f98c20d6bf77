"""Waiting for the answer to a request, and for the end of a rollout."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from serinus.cli.homes.home import Found, Home
from serinus.core.errors import SerinusError
from serinus.core.planning import told_share
from serinus.core.state import Phase, RolloutRecord, RolloutState
from serinus.ports import Key

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Overtaken:
    """Another request was left before this one was answered, or right after."""


@dataclass(frozen=True)
class Ended:
    """How it came out: the record of the rollout, or None where there was none to wait for."""

    record: RolloutRecord | None
    found: Found


def wait_for_answer(home: Home, key: Key, nonce: str, seconds: float) -> Found | Overtaken | None:
    """The deployment once the request was handled; None if nobody did within `seconds`."""
    until = time.monotonic() + seconds
    while True:
        found = _patiently(home, key, until)
        if found.state.handled_nonce == nonce:
            return found
        if found.asked not in ("", nonce):
            return Overtaken()
        if time.monotonic() >= until:
            return None
        time.sleep(home.poll_seconds)


def rollout_asked_about(before: RolloutState, after: RolloutState) -> str:
    """The rollout whose end is the outcome: the one under way, or the one that the request has started."""
    known = {record.id for record in before.history}
    started = [record.id for record in after.history if record.id not in known]
    under_way = before.rollout or after.rollout
    return under_way.id if under_way else next(iter(started), "")


def wait_for_end(home: Home, key: Key, rollout_id: str, seconds: float, tell: Tell) -> Ended | None:
    """The outcome; None if it is not over within `seconds`. Everything that changes is told."""
    until = time.monotonic() + seconds
    said = ""
    while True:
        found = _patiently(home, key, until)
        if line(found) != said:
            said = line(found)
            tell(said)
        record = next((one for one in found.state.history if one.id == rollout_id), None)
        if record or (not rollout_id and found.state.phase is not Phase.PENDING):
            return Ended(record, found)
        if time.monotonic() >= until:
            return None
        time.sleep(home.poll_seconds)


def line(found: Found) -> str:
    """Where it stands, in one line that is the same while nothing happens."""
    weight = f" {told_share(found.state)}" if found.state.rollout else ""
    return f"{found.state.phase}{weight}  {found.reason}"


def _patiently(home: Home, key: Key, until: float) -> Found:
    """What is there; a cluster that does not answer for a while is asked again."""
    while True:
        try:
            return home.read(key)
        except SerinusError as error:
            if not error.retriable or time.monotonic() >= until:
                raise
        time.sleep(home.poll_seconds)
