"""The gates in the order in which they are asked; read aloud, what a variant must show to be registered."""

from collections.abc import Callable
from typing import Final

from components.gate.case import Case
from components.gate.checks.calibration import calibration
from components.gate.checks.coverage import coverage
from components.gate.checks.fairness import fairness
from components.gate.checks.golden import golden
from components.gate.checks.improvement import improvement
from components.gate.checks.latency import latency
from components.gate.checks.parity import parity
from components.gate.checks.reproducibility import reproducibility
from components.gate.checks.size import size
from components.gate.checks.slices import slices
from components.gate.checks.stale_champion import stale_champion
from serinus.training.values import GateCheck

Check = Callable[[Case], GateCheck | None]

# A check is called as its field in `gates`, and says nothing where that is not declared.
CHEAP: Final[tuple[Check, ...]] = (coverage, stale_champion, improvement, golden, slices, fairness, calibration, size)
SERVED: Final[tuple[Check, ...]] = (parity, latency)
TRAINED_AGAIN: Final[tuple[Check, ...]] = (reproducibility,)

GATES: Final[tuple[Check, ...]] = (*CHEAP, *SERVED, *TRAINED_AGAIN)
