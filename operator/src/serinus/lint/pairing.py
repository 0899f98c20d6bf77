"""Where a Quality signal hears nothing, or compares different requests of the two revisions."""

from collections.abc import Iterator

from serinus.core.collecting import TELLS_BY_ITSELF, tells_of_answers
from serinus.core.spec import ModelDeploymentSpec, QualitySignal

OF_CLASSES = ("brier",)  # what the collector judges labels by unless it is told otherwise
MORE = "rows of different requests are compared, which takes about ten times as many labels"


def logged_share(spec: ModelDeploymentSpec) -> float:
    """Share of the requests that the collector is told of."""
    log = spec.monitoring.log if spec.monitoring else None
    return log.sample_rate if log else 1.0


def pairing_surprises(signal: QualitySignal, spec: ModelDeploymentSpec) -> Iterator[tuple[str, str]]:
    """Field of the signal, and what to know of it."""
    if signal.metric not in OF_CLASSES:
        message = (
            f"in a cluster the collector judges labels by brier unless collector.settings.losses names {signal.metric}"
        )
        yield "metric", f"{message} for this deployment (docs/collector.md)"
    if not tells_of_answers(spec):
        message = f"runtime {spec.serving.runtime} tells the collector nothing, so the signal has no rows"
        yield "type", f"{message}; add monitoring.log: {{}}, or use runtime serinus"
    elif (why := _unpaired(spec)) and not spec.rollout.strategy.mirrors:
        yield "type", f"{why}, so {MORE} as rows that both answered"


def _unpaired(spec: ModelDeploymentSpec) -> str:
    log = spec.monitoring.log if spec.monitoring else None
    if log is None:
        return "" if spec.serving.runtime != TELLS_BY_ITSELF else "without monitoring.log no inputs are sent"
    return "inputs that monitoring.log hashes or drops cannot be asked about again" if log.hash or log.drop else ""
