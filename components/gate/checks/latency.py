"""Whether the candidate's predictor holds its latency under load."""

import json
from typing import assert_never

import numpy as np

from components.gate.case import Case
from components.gate.load import Answered, arrivals, put_load
from components.gate.requests import chosen, instances
from components.gate.serving import NotServing, Serving
from components.gate.verdict import say
from serinus.training.gates import Latency
from serinus.training.values import (
    FAST_ENOUGH,
    LOAD_NOT_REACHED,
    PREDICTOR_FAILED,
    REQUESTS_FAILED,
    TOO_SLOW,
    GateCheck,
)

BODIES = 100  # different requests, sent in turn
LEAST_PATIENCE_SECONDS = 5.0


def latency(case: Case) -> GateCheck | None:
    """99 of 100 requests are answered within the bound at the declared rate, and none fails."""
    gate = case.config.gates.latency
    if gate is None:
        return None
    match case.serving:
        case Serving():
            return judged(gate, _measured(case, gate, case.serving.url))
        case NotServing():
            return say("latency", "Fail", PREDICTOR_FAILED, case.serving.message, gate=gate)
        case None:
            raise ValueError("latency is asked while the candidate is served")
        case _:
            assert_never(case.serving)


def _measured(case: Case, gate: Latency, url: str) -> list[Answered]:
    due = arrivals(gate.requests_per_second, gate.duration.total_seconds(), case.config.seed)
    patience = max(LEAST_PATIENCE_SECONDS, 10 * gate.p99.total_seconds())
    return put_load(url, _bodies(case, gate), due, patience_seconds=patience)


def _bodies(case: Case, gate: Latency) -> list[bytes]:
    rows = instances(chosen(case, BODIES * gate.rows_per_request), case.config)
    starts = range(0, len(rows), gate.rows_per_request)
    repeated = rows * 2 if len(rows) >= gate.rows_per_request else rows * gate.rows_per_request
    return [json.dumps({"instances": repeated[i : i + gate.rows_per_request]}).encode() for i in starts]


def judged(gate: Latency, answered: list[Answered]) -> GateCheck:
    """The verdict on a load; a request that failed spoils it however fast it did."""
    p50, p99 = _milliseconds(answered, 0.5), _milliseconds(answered, 0.99)
    left_to_answer = float(np.quantile([one.seconds - one.late for one in answered], 0.99)) * 1000
    bound = gate.p99.total_seconds() * 1000
    errors = [one.error for one in answered if one.error]
    numbers = {
        "p50Milliseconds": p50,
        "p99Milliseconds": p99,
        "maxP99Milliseconds": bound,
        "requests": len(answered),
        "requestsPerSecond": _rate(gate, answered),
        "errors": len(errors),
    }
    said = (
        f"p99 is {p99:.1f} ms (p50 {p50:.1f} ms) over {len(answered):,} requests of {gate.rows_per_request} row(s) at "
        f"{gate.requests_per_second:g}/s, {bound:g} ms are allowed"
    )
    failed = f"; {len(errors)} requests failed, the first with {errors[0]}" if errors else ""
    if p99 > bound >= left_to_answer:
        message = f"{said}; but requests left too late to tell: lower requestsPerSecond or give the step more cores"
        return say("latency", "Inconclusive", LOAD_NOT_REACHED, message, numbers, gate=gate)
    if p99 > bound:
        message = f"{said}{failed}; choose a smaller model or allow more"
        return say("latency", "Fail", TOO_SLOW, message, numbers, gate=gate)
    if errors:
        return say("latency", "Fail", REQUESTS_FAILED, f"{said}{failed}", numbers, gate=gate)
    return say("latency", "Pass", FAST_ENOUGH, said, numbers, gate=gate)


def _milliseconds(answered: list[Answered], share: float) -> float:
    return float(np.quantile([one.seconds for one in answered], share)) * 1000


def _rate(gate: Latency, answered: list[Answered]) -> float:
    """Requests answered per second, up to the last answer."""
    last = max(one.due + one.seconds for one in answered)
    return sum(not one.error for one in answered) / max(last, gate.duration.total_seconds())
