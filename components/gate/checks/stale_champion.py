"""Whether the champion is so old that less is asked of whoever would follow it."""

from datetime import timedelta

from components.gate.case import Case
from components.gate.verdict import say
from serinus.training.values import CHAMPION_FRESH, CHAMPION_STALE, GateCheck


def stale_champion(case: Case) -> GateCheck | None:
    """Refuses nothing: it says what the age of the champion means for the improvement that is asked for."""
    gate, age, champion = case.config.gates.stale_champion, case.champion_age, case.champion
    if gate is None or age is None or champion is None:
        return None
    days, allowed = age / timedelta(days=1), gate.after / timedelta(days=1)
    numbers = {"ageDays": days, "staleAfterDays": allowed}
    message = f"champion version {champion.version} is {days:.3g} days old, and stale after {allowed:.3g}"
    if not is_stale(case):
        return say("stale_champion", "Pass", CHAMPION_FRESH, message, numbers)
    message += f": no more than {gate.min_relative_improvement:.1%} is asked for"
    return say("stale_champion", "Pass", CHAMPION_STALE, message, numbers)


def is_stale(case: Case) -> bool:
    """Whether the champion is older than `staleChampion.after`; one of unknown age is not."""
    gate, age = case.config.gates.stale_champion, case.champion_age
    return gate is not None and age is not None and age > gate.after


def needed(case: Case) -> float:
    """The relative gain that is asked for: of a champion that is stale never more, and mostly less."""
    gates = case.config.gates
    if gates.stale_champion and is_stale(case):
        return min(gates.min_relative_improvement, gates.stale_champion.min_relative_improvement)
    return gates.min_relative_improvement
