"""What a ModelDeployment needs the collector for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from serinus.core.quality import Loss
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.spec.monitoring import PredictionLogging
from serinus.core.spec.retraining import NewDataTrigger, QualityTrigger
from serinus.core.spec.signals import QualitySignal

TELLS_BY_ITSELF: Final = "serinus"  # the runtime


@dataclass(frozen=True)
class Collecting:
    """What predictors are to tell of each answer. Without `log` no input is told; `losses`: what labels are judged by."""

    log: PredictionLogging | None = None
    losses: tuple[Loss, ...] = ()


def collecting(spec: ModelDeploymentSpec) -> Collecting | None:
    """None where nothing has to be told to a collector."""
    log = spec.monitoring.log if spec.monitoring else None
    triggers = spec.retraining.triggers if spec.retraining else ()
    judged = [one for one in (*spec.rollout.signals, *triggers) if isinstance(one, QualitySignal | QualityTrigger)]
    if not (log or judged or any(isinstance(one, NewDataTrigger) for one in triggers)):
        return None
    return Collecting(log, tuple(dict.fromkeys(one.metric for one in judged)))


def tells_of_answers(spec: ModelDeploymentSpec) -> bool:
    """Whether anything can tell the collector: predictors of the runtime serinus, else KServe's logger."""
    logs = spec.monitoring is not None and spec.monitoring.log is not None
    predictor = spec.serving.template.get("predictor")
    own_logger = isinstance(predictor, Mapping) and bool(predictor.get("logger"))
    return logs or own_logger or spec.serving.runtime == TELLS_BY_ITSELF
