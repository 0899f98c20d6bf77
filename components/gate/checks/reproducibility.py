"""Whether the same training makes the same model."""

import tempfile
from pathlib import Path

from components.gate.case import Case
from components.gate.retrain import trained_again
from components.gate.verdict import say
from serinus.artifact import file_digest
from serinus.training.gates import Reproducibility
from serinus.training.values import NOT_REPRODUCIBLE, REPRODUCIBLE, RETRAINING_FAILED, GateCheck


def reproducibility(case: Case) -> GateCheck | None:
    """Trained again in another process, the file is the same, or the answers to the held-out rows differ by little."""
    gate = case.config.gates.reproducibility
    if gate is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        again = trained_again(case, Path(folder))
        if isinstance(again, str):
            return say("reproducibility", "Fail", RETRAINING_FAILED, again, gate=gate)
        if file_digest(again) == file_digest(case.model / "model.skops"):
            return say(
                "reproducibility",
                "Pass",
                REPRODUCIBLE,
                "trained again in another process, the model file is identical",
                gate=gate,
            )
        return _compared(case, gate, again)


def _compared(case: Case, gate: Reproducibility, again: Path) -> GateCheck:
    from components.evaluate.step import predict_answerable
    from components.train.step import load_model

    answers = predict_answerable(load_model(str(again)), case.rows, case.config, case.variant)
    largest = float((answers - case.predictions).abs().max())
    numbers = {"largestDifference": largest, "tolerance": gate.tolerance}
    if largest <= gate.tolerance:
        message = f"trained again in another process, the answers to the held-out rows differ by {largest:.3g} at most"
        return say("reproducibility", "Pass", REPRODUCIBLE, message, numbers, gate=gate)
    message = (
        f"trained again from the same rows, {case.variant} answers otherwise by up to {largest:.3g}, and "
        f"{gate.tolerance:g} is allowed; set seed, leave random_state out of its parameters, or allow a tolerance"
    )
    return say("reproducibility", "Fail", NOT_REPRODUCIBLE, message, numbers, gate=gate)
