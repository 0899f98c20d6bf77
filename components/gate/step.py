"""Gate: the best variant against the champion on the same held-out rows."""

from dataclasses import dataclass

import pandas as pd

from serinus.training.config import TrainingConfig
from serinus.training.gates import GREATER_IS_BETTER, Metric
from serinus.training.values import (
    BETTER,
    COVERAGE_TOO_LOW,
    FIRST_VERSION,
    NOT_BETTER,
    NOT_COMPARABLE,
    GateDecision,
    Metrics,
)


@dataclass(frozen=True)
class Champion:
    """The version to beat, and what it answers on the held-out rows (missing where it refuses the row)."""

    version: str
    predictions: "pd.Series[float]"


def improvement(metric: Metric, value: float, champion: float) -> float:
    """Relative gain over the champion, positive where `value` is better; 0.05 is 5 %."""
    gain = value - champion if metric in GREATER_IS_BETTER else champion - value
    return gain / max(abs(champion), 1e-12)


def best_variant(metrics: dict[str, Metrics], config: TrainingConfig) -> str:
    """The variant with the best metric among those that answer enough rows; among all where none does."""
    enough = {n: m for n, m in metrics.items() if m["coverage"] >= config.gates.min_coverage}
    sign = -1 if config.metric in GREATER_IS_BETTER else 1
    return min(enough or metrics, key=lambda name: (sign * metrics[name].get(config.metric, float("inf")), name))


def decide(
    truth: "pd.Series[float]",
    predictions: pd.DataFrame,
    metrics: dict[str, Metrics],
    champion: Champion | None,
    config: TrainingConfig,
) -> GateDecision:
    """Whether the best variant is registered. `predictions` has one column per variant, rows as in `truth`."""
    variant = best_variant(metrics, config)
    own = metrics[variant]
    if own["coverage"] < max(config.gates.min_coverage, 1e-9):
        return _coverage_too_low(variant, own, config)
    if champion is None:
        message = f"{variant} is the first version of {config.model} ({config.metric} {own[config.metric]:.4f})"
        return GateDecision(better=True, variant=variant, reason=FIRST_VERSION, message=message, metrics=own)
    return _against(
        champion=champion, variant=variant, truth=truth, predictions=predictions[variant], own=own, config=config
    )


def _against(
    *,
    champion: Champion,
    variant: str,
    truth: "pd.Series[float]",
    predictions: "pd.Series[float]",
    own: Metrics,
    config: TrainingConfig,
) -> GateDecision:
    """Compare on the rows that both answer; which variant refuses rows is judged by its coverage."""
    from components.evaluate.step import score

    common = predictions.notna() & champion.predictions.notna()
    theirs = score(truth, champion.predictions, config)
    ours_common = score(truth, predictions.where(common), config).get(config.metric)
    theirs_common = score(truth, champion.predictions.where(common), config).get(config.metric)
    if ours_common is None or theirs_common is None:  # they share no row: nothing says that the champion is as good
        gain, rows = 1.0, 0
    else:
        gain, rows = improvement(config.metric, ours_common, theirs_common), int(common.sum())
    better = gain >= config.gates.min_relative_improvement
    return GateDecision(
        better=better,
        variant=variant,
        reason=NOT_COMPARABLE if not rows else BETTER if better else NOT_BETTER,
        message=_compared(
            variant=variant,
            version=champion.version,
            gain=gain,
            rows=rows,
            values=(ours_common, theirs_common),
            config=config,
        ),
        metrics=own,
        champion_version=champion.version,
        champion_metrics=theirs,
    )


def _compared(
    *,
    variant: str,
    version: str,
    gain: float,
    rows: int,
    values: tuple[float | None, float | None],
    config: TrainingConfig,
) -> str:
    ours, theirs = values
    if ours is None or theirs is None:
        return (
            f"{variant} cannot be compared with champion version {version}: no held-out row is answered by both; "
            f"{variant} answers enough rows itself"
        )
    needed = config.gates.min_relative_improvement
    asked = f"{needed:.1%} is asked for" if needed > -1 else "the gate is open"
    return (
        f"{variant} is {abs(gain):.1%} {'better' if gain >= 0 else 'worse'} than champion version {version} "
        f"({config.metric} {ours:.4f} against {theirs:.4f} on {rows:,} held-out rows; {asked})"
    )


def _coverage_too_low(variant: str, own: Metrics, config: TrainingConfig) -> GateDecision:
    message = (
        f"{variant} answers only {own['coverage']:.1%} of the held-out rows, and gates.minCoverage asks for "
        f"{config.gates.min_coverage:.1%}; set missing: impute or correct the data"
    )
    return GateDecision(better=False, variant=variant, reason=COVERAGE_TOO_LOW, message=message, metrics=own)
