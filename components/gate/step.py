"""Gate: every check of the best variant, and what follows from them."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from components.gate.case import Case
from components.gate.checks import CHEAP, GATES, SERVED, TRAINED_AGAIN, Check
from components.gate.checks.coverage import coverage
from components.gate.serving import served
from components.gate.verdict import say
from serinus.training.config import TrainingConfig
from serinus.training.values import REFUSED_ALREADY, GateCheck, GateDecision


def judge(case: Case) -> GateDecision:
    """Ask every gate that is declared, the costly ones only while no other has refused the variant, and decide."""
    first = coverage(case)
    if not case.metrics["coverage"]:  # there is no answer that another gate could look at
        return decide(case, [first, *_not_asked(GATES[1:], case, first)])
    checks = _asked(CHEAP, case)
    refusal = next((check for check in checks if check.refuses), None)
    if refusal is not None:
        return decide(case, [*checks, *_not_asked((*SERVED, *TRAINED_AGAIN), case, refusal)])
    with candidate_served(case) as candidate:
        checks += _asked(SERVED, candidate)
    return decide(case, checks + _asked(TRAINED_AGAIN, case))


def decide(case: Case, checks: list[GateCheck]) -> GateDecision:
    """Registered unless a blocking check refuses: the first that does speaks, or else the comparison with the champion."""
    from components.evaluate.step import score

    refusal = next((check for check in checks if check.refuses), None)
    speaks = refusal or next(check for check in checks if check.name == "improvement")
    champion = case.champion
    return GateDecision(
        better=refusal is None,
        variant=case.variant,
        reason=speaks.reason,
        message=speaks.message,
        metrics=case.metrics,
        champion_version=champion.version if champion else None,
        champion_metrics=score(case.truth, champion.predictions, case.config) if champion else None,
        checks=tuple(checks),
    )


def _asked(gates: Iterable[Check], case: Case) -> list[GateCheck]:
    return [check for gate in gates if (check := gate(case)) is not None]


def _not_asked(gates: Iterable[Check], case: Case, refusal: GateCheck) -> list[GateCheck]:
    message = f"not asked, because {refusal.name} refuses {case.variant}"
    return [
        say(name, "NotAsked", REFUSED_ALREADY, message, gate=getattr(case.config.gates, name, None))
        for name in (gate.__name__ for gate in gates if _is_declared(gate, case.config))
    ]


def _is_declared(gate: Check, config: TrainingConfig) -> bool:
    """Coverage and improvement are always asked; the others are a field of their name."""
    return getattr(config.gates, gate.__name__, True) is not None


@contextmanager
def candidate_served(case: Case) -> Iterator[Case]:
    """The case with the real predictor on its candidate, where a gate asks something of it."""
    if not any(_is_declared(gate, case.config) for gate in SERVED):
        yield case
        return
    from components.register.packaging import write_model_folder

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "model")
        write_model_folder(
            folder,
            case.model / "model.skops",
            train=case.train,
            predictions=case.predictions,
            config=case.config,
            variant=case.config.variant(case.variant),
        )
        with served(folder, case.config.model) as serving:
            yield replace(case, serving=serving)
