"""The verdict on a query's value: outside its limits at some looks in a row, or inside."""

from serinus.core.analysis import reasons
from serinus.core.analysis.query import INSIDE_LOOKS, OUTSIDE_LOOKS, Query
from serinus.core.analysis.verdict import Finding, Verdict
from serinus.core.spec.signals import QuerySignal


def finding(state: Query) -> Finding:
    """What was found before it could not be asked any more stands."""
    if state.outside >= OUTSIDE_LOOKS:
        message = f"{_value(state)} at {state.outside} looks in a row, and it has to be {limits(state.signal)}"
        return Verdict.FAIL, reasons.QUERY_OUT_OF_RANGE, message
    if state.problem:
        return Verdict.ERROR, state.problem.reason, state.problem.message
    if state.inside >= INSIDE_LOOKS:
        message = f"{_value(state)} and was {limits(state.signal)} at the latest {state.inside} looks"
        return Verdict.PASS, reasons.QUERY_IN_RANGE, message
    return Verdict.INCONCLUSIVE, reasons.NOT_ENOUGH_DATA, _not_yet(state)


def numbers(state: Query) -> dict[str, float]:
    """The value, its limits, and for how many looks it has been on its side of them."""
    limit = {name: one for name, one in (("min", state.signal.min), ("max", state.signal.max)) if one is not None}
    known = {"value": state.value} if state.value is not None else {}
    return {**known, **limit, "looksOutside": float(state.outside), "looksInside": float(state.inside)}


def limits(signal: QuerySignal) -> str:
    """`at least 0.98`, `at most 3`, `between 1 and 3`."""
    if signal.min is not None and signal.max is not None:
        return f"between {signal.min:g} and {signal.max:g}"
    return f"at least {signal.min:g}" if signal.min is not None else f"at most {signal.max:g}"


def _not_yet(state: Query) -> str:
    if state.value is None:
        return "the query was not answered yet"
    side = "outside" if state.outside else "inside"
    seen, needed = (state.outside, OUTSIDE_LOOKS) if state.outside else (state.inside, INSIDE_LOOKS)
    return f"{_value(state)}, {side} at {seen} of {needed} looks in a row; it has to be {limits(state.signal)}"


def _value(state: Query) -> str:
    return f"the value is {state.value:g}"
