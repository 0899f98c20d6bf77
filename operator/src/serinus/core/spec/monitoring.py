"""What is watched while a revision serves."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from serinus.core.model import Frozen
from serinus.core.spec.duration import PositiveDuration
from serinus.core.spec.fields import Count, Rate

FeatureName = Annotated[str, Field(max_length=256)]


class DriftMonitor(Frozen):
    """Comparison of live inputs with the training reference."""

    psi: float = Field(
        default=0.2, strict=True, gt=0, allow_inf_nan=False, description="Population stability index that is an alarm."
    )
    min_samples: Count = Field(default=500, description="Fewest requests in the window before drift is judged.")
    window: PositiveDuration = Field(default=timedelta(hours=24), description="Time that is compared at once.")
    features: tuple[FeatureName, ...] = Field(
        default=(), max_length=256, description="Inputs that are watched; all of them by default."
    )


class ServiceLevel(Frozen):
    """Objectives of the serving revision."""

    max_error_rate: Rate | None = Field(default=None, description="Largest acceptable share of failed requests.")
    latency_threshold: PositiveDuration | None = Field(default=None, description="A request slower than this is slow.")
    max_slow_rate: Rate | None = Field(default=None, description="Largest acceptable share of slow requests.")


class PredictionLogging(Frozen):
    """What leaves the predictors for the prediction log. Without it no row does."""

    sample_rate: Rate = Field(default=1.0, description="Share of the requests that are logged.")
    hash: tuple[FeatureName, ...] = Field(
        default=(),
        max_length=256,
        description="Inputs that are logged as a keyed hash, which still tells equal values.",
    )
    drop: tuple[FeatureName, ...] = Field(default=(), max_length=256, description="Inputs that are not logged at all.")


class Monitoring(Frozen):
    """Drift of the inputs, errors and latency of the revision that serves, and its prediction log."""

    drift: DriftMonitor | None = Field(default=None, description="Watch the inputs for drift.")
    slo: ServiceLevel | None = Field(default=None, description="Watch errors and latency.")
    log: PredictionLogging | None = Field(default=None, description="Send predictions to the collector.")
