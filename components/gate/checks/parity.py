"""Whether the predictor answers as the pipeline does."""

from typing import assert_never

import numpy as np

from components.gate.case import Case
from components.gate.requests import chosen, instances
from components.gate.serving import NotServing, Serving
from components.gate.verdict import say
from serinus.training.gates import Parity
from serinus.training.values import OTHER_ANSWERS, PREDICTOR_FAILED, SAME_ANSWERS, GateCheck

ROWS_PER_REQUEST = 50
PATIENCE_SECONDS = 60.0


def parity(case: Case) -> GateCheck | None:
    """What was judged is what will be served: the same rows get the same answers, one by one."""
    gate = case.config.gates.parity
    if gate is None:
        return None
    match case.serving:
        case Serving():
            return _compared(case, gate, case.serving.url)
        case NotServing():
            return _failed(gate, case.serving.message)
        case None:
            raise ValueError("parity is asked while the candidate is served")
        case _:
            assert_never(case.serving)


def _compared(case: Case, gate: Parity, url: str) -> GateCheck:
    rows = chosen(case, gate.rows)
    offline = case.predictions[rows.index].to_numpy(dtype=float)
    answers = _answers(url, instances(rows, case.config))
    if isinstance(answers, str):
        return _failed(gate, answers)
    apart = np.abs(np.array(answers) - offline)
    largest, wrong = float(apart.max()), int((~(apart <= gate.tolerance)).sum())
    numbers = {"rows": len(rows), "different": wrong, "largestDifference": largest, "tolerance": gate.tolerance}
    if not wrong:
        message = f"the predictor's answers to {len(rows):,} held-out rows are within {largest:.3g} of the pipeline's"
        return say("parity", "Pass", SAME_ANSWERS, message, numbers, gate=gate)
    worst = int(np.argmax(apart))
    message = (
        f"the predictor answers {wrong} of {len(rows):,} held-out rows otherwise than the pipeline, by up to "
        f"{largest:.3g} ({answers[worst]:.6g} for {offline[worst]:.6g} in row {rows.index[worst]}), and "
        f"{gate.tolerance:g} is allowed; compare the types of the features with what training read"
    )
    return say("parity", "Fail", OTHER_ANSWERS, message, numbers, gate=gate)


def _answers(url: str, rows: list[dict[str, object]]) -> list[float] | str:
    """One answer per row, or what the predictor said instead."""
    import httpx

    answers: list[float] = []
    with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        for start in range(0, len(rows), ROWS_PER_REQUEST):
            try:
                answer = client.post(url, json={"instances": rows[start : start + ROWS_PER_REQUEST]})
            except httpx.TransportError as error:
                return f"the predictor did not answer ({type(error).__name__})"
            if not answer.is_success:
                return f"the predictor refuses held-out rows with {answer.status_code}: {answer.text[:300]}"
            answers += map(float, answer.json()["predictions"])
    return answers


def _failed(gate: Parity, message: str) -> GateCheck:
    return say("parity", "Fail", PREDICTOR_FAILED, message, gate=gate)
