"""How a check says what it found."""

from collections.abc import Mapping

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
    """The check `name` with its verdict. Without a `gate` that says otherwise it blocks."""
    return GateCheck(
        name=name,
        verdict=verdict,
        reason=reason,
        message=message,
        numbers=dict(numbers or {}),
        blocking=gate is None or gate.blocking,
    )
