"""Whether the probabilities mean what they say."""

from components.evaluate.calibration import calibration_bins, expected_calibration_error
from components.gate.case import Case
from components.gate.verdict import say
from serinus.training.values import CALIBRATED, NOT_CALIBRATED, GateCheck

BINS = 10


def calibration(case: Case) -> GateCheck | None:
    """Of the rows that get 30 %, three in ten have the label: the expected error over ten bins is within its bound."""
    gate = case.config.gates.calibration
    if gate is None:
        return None
    answered = case.predictions.notna()
    error = expected_calibration_error(calibration_bins(case.truth[answered], case.predictions[answered], BINS))
    message = f"the expected calibration error of {case.variant} is {error:.4f}, {gate.max_error:.4f} is allowed"
    numbers = {"error": error, "maxError": gate.max_error}
    if error <= gate.max_error:
        return say("calibration", "Pass", CALIBRATED, message, numbers, gate=gate)
    message += "; calibrate the estimator or choose another"
    return say("calibration", "Fail", NOT_CALIBRATED, message, numbers, gate=gate)
