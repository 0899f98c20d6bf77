"""What is said of drift."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from serinus.core.analysis.verdict import Verdict
from serinus.core.drift import EMPTY_REFERENCE
from serinus.core.observation import BinWindow
from serinus.core.spec import DriftMonitor, format_duration
from serinus.core.watching.compare import unknown_inputs, worst_first
from serinus.core.watching.state import MeasuredDrift

WORST: Final = 3
NAMED: Final = 5  # names that a sentence may have
LONGEST_NAME: Final = 60


def of_alarm(verdicts: Sequence[MeasuredDrift], *, skew: bool) -> str:
    """The three worst with their numbers, and what to do."""
    count = sum(one.verdict is Verdict.FAIL for one in verdicts)
    if skew:
        head = f"the first rows already differ from training in {_of(count, verdicts)}"
        todo = "look for what prepares rows otherwise than in training"
    else:
        head = f"{_of(count, verdicts)} {'has' if count == 1 else 'have'} drifted from training"
        todo = "look at what feeds the model, or train it on later data"
    return f"{head}: {_worst(verdicts)}; {todo}"


def of_suspicion(verdicts: Sequence[MeasuredDrift], looks: int, needed: int) -> str:
    """Before it is an alarm."""
    return f"seen in {looks} of the {needed} looks in a row that an alarm takes: {_worst(verdicts)}"


def of_part(verdicts: Sequence[MeasuredDrift], watched: timedelta, window: timedelta) -> str:
    """The rows of a part of the window differ, which they may without drift."""
    return (
        f"the rows of {format_duration(_whole_minutes(watched))} differ from training, and {format_duration(window)} are "
        f"compared at once, so it is not judged yet: {_worst(verdicts)}"
    )


def of_calm(verdicts: Sequence[MeasuredDrift]) -> str:
    """Nothing has drifted, and what comes nearest."""
    judged = [one for one in verdicts if one.verdict is Verdict.PASS]
    nearest = worst_first(judged)[0].message
    unsure = [one for one in verdicts if one.verdict is not Verdict.PASS]
    rest = f"; not judged: {unsure[0].message}" if unsure else ""
    more = f", and {len(unsure) - 1} more" if len(unsure) > 1 else ""
    return f"{_of(len(judged), verdicts)} did not drift from training; the farthest is {nearest}{rest}{more}"


def of_ignorance(verdicts: Sequence[MeasuredDrift]) -> tuple[str, str]:
    """(reason, why nothing could be judged)."""
    known = [one for one in verdicts if one.reason != EMPTY_REFERENCE]
    if known:
        return known[0].reason, known[0].message
    return EMPTY_REFERENCE, (
        "the model has no training reference (serinus/reference.json), so there is nothing to compare with; "
        "register a version that the training pipeline made"
    )


def of_unknown_names(window: BinWindow, monitor: DriftMonitor) -> str:
    """Inputs in the spec that the model does not have; empty where there is none."""
    names = unknown_inputs(window, monitor) if window.reference else []
    if not names:
        return ""
    shown = ", ".join(f'"{name[:LONGEST_NAME]}"' for name in names[:NAMED])
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    what = "is no input" if len(names) == 1 else "are no inputs"
    return f"{shown}{more} {what} of the model; correct spec.monitoring.drift.features"


def _whole_minutes(span: timedelta) -> timedelta:
    return timedelta(minutes=span // timedelta(minutes=1)) if span >= timedelta(minutes=2) else span


def _of(count: int, verdicts: Sequence[MeasuredDrift]) -> str:
    return f"{count} of {len(verdicts)} distributions"


def _worst(verdicts: Sequence[MeasuredDrift]) -> str:
    failed = [one for one in worst_first(verdicts) if one.verdict is Verdict.FAIL]
    return "; ".join(one.message for one in failed[:WORST])
