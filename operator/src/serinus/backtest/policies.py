"""The policies that are compared: each is a variant of the user's ModelDeployment and training file, nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from serinus.backtest.pipeline import without_machine_gates
from serinus.core.errors import SpecInvalid
from serinus.core.quality import Loss
from serinus.core.spec import (
    DriftMonitor,
    DriftTrigger,
    ModelDeployment,
    ModelDeploymentSpec,
    ModelSource,
    Monitoring,
    QualitySignal,
    QualityTrigger,
    Retraining,
    RolloutPolicy,
    ScheduleTrigger,
    Strategy,
)
from serinus.core.spec.retraining import Trigger
from serinus.training.config import TrainingConfig
from serinus.training.gates import Gates
from serinus.training.schema import Task

EVERY_MONTH: Final = "0 3 1 * *"
SHORTEST_HORIZON: Final = timedelta(minutes=1)


class Kind(StrEnum):
    """What starts a training, and what a newcomer must show."""

    NEVER = "never"
    SCHEDULED = "scheduled"
    DRIFT = "drift"
    QUALITY = "quality"
    GATED = "gated"


TRIGGERS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.NEVER: (),
    Kind.SCHEDULED: ("Schedule",),
    Kind.DRIFT: ("Drift",),
    Kind.QUALITY: ("Quality",),
    Kind.GATED: ("Schedule", "Drift", "Quality"),
}


@dataclass(frozen=True)
class Policy:
    """One policy; with a `variant`, only that one of the training file is trained."""

    kind: Kind
    variant: str = ""

    @property
    def name(self) -> str:
        """As people ask for it: `scheduled`, or `scheduled:last-month`."""
        return f"{self.kind}:{self.variant}" if self.variant else str(self.kind)


def parse_policies(text: str, config: TrainingConfig) -> tuple[Policy, ...]:
    """The policies named in `never,scheduled:last-month`, each once. Raises SpecInvalid for one that is not known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise SpecInvalid(f"--policy names none; write some of {', '.join(Kind)}, with commas between them")
    return tuple(_parsed(name, config) for name in dict.fromkeys(names))


def _parsed(name: str, config: TrainingConfig) -> Policy:
    kind, _, variant = name.partition(":")
    if kind not in list(Kind):
        raise SpecInvalid(f'"{kind}" is no policy of a backtest; write some of {", ".join(Kind)}')
    known = [one.name for one in config.variants]
    if variant and variant not in known:
        raise SpecInvalid(f'the training file has no variant "{variant}"; write {kind}: and one of {", ".join(known)}')
    return Policy(Kind(kind), variant)


def config_for(policy: Policy, config: TrainingConfig) -> TrainingConfig:
    """The training file of `policy`: only its variant, and every gate open unless the policy is gated."""
    if policy.variant:
        config = config.model_copy(update={"variants": (config.variant(policy.variant),)})
    if policy.kind is Kind.GATED:
        return without_machine_gates(config)
    opened = Gates(metric=config.gates.metric, min_relative_improvement=-1.0, min_coverage=0.0)
    return config.model_copy(update={"gates": opened})


def deployment_for(
    policy: Policy, deployment: ModelDeployment, config: TrainingConfig, label_delay: timedelta
) -> ModelDeployment:
    """The ModelDeployment of `policy`. It follows the challenger, whatever version the user's names."""
    spec, horizon = deployment.spec, max(label_delay, SHORTEST_HORIZON)
    if spec.model.name != config.model:
        raise SpecInvalid(
            f'the ModelDeployment serves "{spec.model.name}" and the training file trains "{config.model}"; '
            "name the two files of one model"
        )
    model = ModelSource(name=config.model, alias=config.registry.challenger_alias, promote_alias=config.registry.alias)
    loss = loss_of(config.task)
    default_signal = QualitySignal(name="quality", type="Quality", metric=loss, label_horizon=horizon)
    default_trigger = QualityTrigger(type="Quality", metric=loss, label_horizon=horizon)
    changed = spec.model_copy(
        update={
            "model": model,
            "rollout": _rollout(policy, spec.rollout, default_signal),
            "retraining": _retraining(policy, spec, default_trigger),
            "monitoring": _monitoring(policy, spec.monitoring),
        }
    )
    return deployment.model_copy(update={"spec": changed})


def loss_of(task: Task) -> Loss:
    """The loss that quality is measured by where the user names none."""
    return "brier" if task == "classification" else "squaredError"


def _rollout(policy: Policy, rollout: RolloutPolicy, default: QualitySignal) -> RolloutPolicy:
    """The user's canary with a Quality signal where the policy is gated; else a newcomer takes over at once."""
    if policy.kind is not Kind.GATED:
        return rollout.model_copy(update={"strategy": Strategy.IMMEDIATE})
    if any(isinstance(signal, QualitySignal) for signal in rollout.signals):
        return rollout
    names = {signal.name for signal in rollout.signals}
    name = next(one for one in ("quality", *(f"quality-{n}" for n in range(100))) if one not in names)
    signals = (*rollout.signals, default.model_copy(update={"name": name}))
    return rollout.model_copy(update={"signals": signals})


def _retraining(policy: Policy, spec: ModelDeploymentSpec, quality: QualityTrigger) -> Retraining | None:
    """The user's retraining with the policy's triggers: those that the user declares of their kind, else a default one."""
    if policy.kind is Kind.NEVER:
        return None
    declared = spec.retraining or Retraining(pipeline="training")
    if policy.kind is Kind.GATED and declared.triggers:
        return declared
    triggers = [trigger for kind in TRIGGERS[policy.kind] for trigger in _of_kind(kind, declared.triggers, quality)]
    return declared.model_copy(update={"triggers": tuple(triggers)})


def _of_kind(kind: str, declared: Sequence[Trigger], quality: QualityTrigger) -> Sequence[Trigger]:
    default: dict[str, Trigger] = {
        "Schedule": ScheduleTrigger(type="Schedule", cron=EVERY_MONTH),
        "Drift": DriftTrigger(type="Drift"),
        "Quality": quality,
    }
    return [trigger for trigger in declared if trigger.type == kind] or [default[kind]]


def _monitoring(policy: Policy, monitoring: Monitoring | None) -> Monitoring | None:
    """The user's, with a watch on drift where the policy asks for one and there is none."""
    if "Drift" not in TRIGGERS[policy.kind] or (monitoring and monitoring.drift):
        return monitoring
    return (monitoring or Monitoring()).model_copy(update={"drift": DriftMonitor()})
