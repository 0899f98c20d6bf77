"""Whether the variant answers the held-out rows at all."""

from components.gate.case import Case
from components.gate.verdict import say
from serinus.training.values import COVERAGE_TOO_LOW, COVERED, GateCheck


def coverage(case: Case) -> GateCheck:
    """A variant that refuses rows is not better for being judged on the rest; one that answers none is no model."""
    share, asked = case.metrics["coverage"], case.config.gates.min_coverage
    numbers = {"coverage": share, "minCoverage": asked}
    if share > 0 and share >= asked:
        return say("coverage", "Pass", COVERED, f"{case.variant} answers {share:.1%} of the held-out rows", numbers)
    message = (
        f"{case.variant} answers only {share:.1%} of the held-out rows, and gates.minCoverage asks for "
        f"{asked:.1%}; set missing: impute or correct the data"
    )
    return say("coverage", "Fail", COVERAGE_TOO_LOW, message, numbers)
