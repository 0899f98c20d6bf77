"""The ModelDeployment spec: frozen models, and the only source of the CRD schema."""

from serinus.core.spec.deployment import API_VERSION, KIND, DeletionPolicy, ModelDeployment, ModelDeploymentSpec
from serinus.core.spec.duration import Duration, PositiveDuration, format_duration, parse_duration
from serinus.core.spec.metadata import Metadata
from serinus.core.spec.monitoring import DriftMonitor, Monitoring, PredictionLogging, ServiceLevel
from serinus.core.spec.retraining import (
    CodeTrigger,
    DriftTrigger,
    EventTrigger,
    MaxAgeTrigger,
    NewDataTrigger,
    QualityTrigger,
    Retraining,
    ScheduleTrigger,
    Trigger,
)
from serinus.core.spec.rollout import (
    Approval,
    HeaderRule,
    OnFailure,
    RequestMatch,
    RolloutPolicy,
    Strategy,
    WhenSuperseded,
)
from serinus.core.spec.serving import Gateway, Resources, Serving, ServingMode
from serinus.core.spec.signals import (
    AvailabilitySignal,
    DriftSignal,
    ErrorsSignal,
    LatencySignal,
    OnInconclusive,
    QualitySignal,
    QuerySignal,
    Signal,
)
from serinus.core.spec.source import ModelSource
from serinus.core.spec.steps import Pause, PauseStep, Step, WeightStep

__all__ = [
    "API_VERSION",
    "KIND",
    "Approval",
    "AvailabilitySignal",
    "CodeTrigger",
    "DeletionPolicy",
    "DriftMonitor",
    "DriftSignal",
    "DriftTrigger",
    "Duration",
    "ErrorsSignal",
    "EventTrigger",
    "Gateway",
    "HeaderRule",
    "LatencySignal",
    "MaxAgeTrigger",
    "Metadata",
    "ModelDeployment",
    "ModelDeploymentSpec",
    "ModelSource",
    "Monitoring",
    "NewDataTrigger",
    "OnFailure",
    "OnInconclusive",
    "Pause",
    "PauseStep",
    "PositiveDuration",
    "PredictionLogging",
    "QualitySignal",
    "QualityTrigger",
    "QuerySignal",
    "RequestMatch",
    "Resources",
    "Retraining",
    "RolloutPolicy",
    "ScheduleTrigger",
    "ServiceLevel",
    "Serving",
    "ServingMode",
    "Signal",
    "Step",
    "Strategy",
    "Trigger",
    "WeightStep",
    "WhenSuperseded",
    "format_duration",
    "parse_duration",
]
