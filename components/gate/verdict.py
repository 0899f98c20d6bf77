"""How a check says what it found."""

from collections.abc import Mapping
from math import isfinite

from serinus.training.gates import Gate
from serinus.training.values import GateCheck, Verdict


def say(
    name: str,
    verdict: Verdict,
    reason: str,
    message: str,
    numbers: Mapping[str, float] | None = None,
    *,
    gate: Gate | None = None,
) -> GateCheck:
    """The check `name` with its verdict. Without a `gate` that says otherwise it blocks.

    Numbers that are not finite are left out: JSON, by which the decision is handed on, cannot say them.
    """
    return GateCheck(
        name=name,
        verdict=verdict,
        reason=reason,
        message=message,
        numbers={name: value for name, value in (numbers or {}).items() if isfinite(value)},
        blocking=gate is None or gate.blocking,
    )
