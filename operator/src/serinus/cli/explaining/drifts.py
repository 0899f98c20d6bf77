"""How far what serves lies from training."""

from datetime import datetime

from serinus.cli.explaining.seen import clock
from serinus.core.state import RolloutState
from serinus.core.watching.state import MeasuredDrift


def drift(state: RolloutState, now: datetime) -> tuple[str, ...]:
    """The verdict, then the numbers of the farthest inputs and of the prediction; nothing where it is not watched."""
    known = state.drift
    if known is None:
        return ()
    head = f"{known.status} since {clock(known.since, now)}: {known.reason}: {known.message}"
    measured = [one for one in (*known.worst, known.prediction) if one and "psi" in one.numbers]
    return (head, *map(_numbers, measured))


def _numbers(one: MeasuredDrift) -> str:
    numbers = one.numbers
    measures = f"PSI {numbers['psi']:.3g} (chance explains {numbers['bound']:.2g}), TVD {numbers['tvd']:.3g}"
    return f"{one.name}: {one.verdict}: {measures}, {numbers['rows']:,.0f} rows"
