"""Whether the artifact is small enough."""

from components.gate.case import Case
from components.gate.verdict import say
from serinus.training.values import SMALL_ENOUGH, TOO_LARGE, GateCheck

MEBIBYTE = 1 << 20


def size(case: Case) -> GateCheck | None:
    """The bytes of the model's folder."""
    gate = case.config.gates.size
    if gate is None:
        return None
    found = sum(path.stat().st_size for path in case.model.rglob("*") if path.is_file()) / MEBIBYTE
    message = f"the model of {case.variant} has {found:.2f} MiB, {gate.max_mebibytes:g} MiB are allowed"
    numbers = {"mebibytes": found, "maxMebibytes": gate.max_mebibytes}
    if found <= gate.max_mebibytes:
        return say("size", "Pass", SMALL_ENOUGH, message, numbers, gate=gate)
    return say("size", "Fail", TOO_LARGE, f"{message}; choose a smaller model", numbers, gate=gate)
