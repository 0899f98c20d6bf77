"""Every watched input and the prediction of one window, held against the training reference."""

from collections.abc import Sequence
from typing import Final

from serinus.core.analysis.verdict import Verdict
from serinus.core.drift import DriftLimits, DriftVerdict, judge_drift
from serinus.core.observation import BinWindow
from serinus.core.prediction_log import PREDICTION
from serinus.core.spec import DriftMonitor
from serinus.core.watching.looks import alpha_of_a_look
from serinus.core.watching.state import MeasuredDrift

CALM_BELOW: Final = 0.8  # of the PSI that is an alarm: what has alarmed must go back further than the alarm


def watched_inputs(window: BinWindow, monitor: DriftMonitor) -> list[str]:
    """Names of the inputs that are compared: those asked for that the model has."""
    return [name for name in monitor.features or window.reference if name in window.reference]


def unknown_inputs(window: BinWindow, monitor: DriftMonitor) -> list[str]:
    """Names that were asked for and that the model does not have."""
    return [name for name in monitor.features if name not in window.reference]


def compare(window: BinWindow, monitor: DriftMonitor) -> tuple[list[MeasuredDrift], MeasuredDrift]:
    """(a verdict for every watched input, that of the prediction)."""
    names = watched_inputs(window, monitor)
    limits = DriftLimits(monitor.psi, monitor.min_samples, alpha_of_a_look(monitor.window))
    comparisons = len(names) + 1
    inputs = [
        judge_drift(name, window.reference[name], window.features.get(name, {}), limits, comparisons=comparisons)
        for name in names
    ]
    prediction = judge_drift(
        PREDICTION, window.reference_prediction, window.prediction, limits, comparisons=comparisons
    )
    return [_kept(one) for one in inputs], _kept(prediction)


def overall(verdicts: Sequence[MeasuredDrift]) -> Verdict:
    """Drift anywhere is drift; what cannot be known of one does not hide what is known of others."""
    found = {one.verdict for one in verdicts}
    return next((one for one in (Verdict.FAIL, Verdict.PASS) if one in found), Verdict.INCONCLUSIVE)


def is_calm(verdicts: Sequence[MeasuredDrift], monitor: DriftMonitor) -> bool:
    """Whether nothing is near an alarm."""
    limit = CALM_BELOW * monitor.psi
    return overall(verdicts) is Verdict.PASS and all(one.numbers.get("psi", 0.0) < limit for one in verdicts)


def rows_in(window: BinWindow) -> int:
    """Rows that were counted: a row has one bin in each input and, where the model answered, one of the prediction."""
    counted = (*window.features.values(), window.prediction)
    return round(max((sum(bins.values()) for bins in counted), default=0))


def worst_first(verdicts: Sequence[MeasuredDrift]) -> list[MeasuredDrift]:
    """By verdict, then by PSI."""
    return sorted(verdicts, key=lambda one: (one.verdict is not Verdict.FAIL, -one.numbers.get("psi", 0.0)))


def _kept(verdict: DriftVerdict) -> MeasuredDrift:
    return MeasuredDrift(
        name=verdict.name,
        verdict=verdict.verdict,
        reason=verdict.reason,
        message=verdict.message,
        numbers=dict(verdict.numbers),
    )
