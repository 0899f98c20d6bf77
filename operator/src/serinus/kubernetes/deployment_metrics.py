"""What Prometheus is told of each ModelDeployment, as it follows from its latest state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from prometheus_client.core import GaugeMetricFamily, Metric

from serinus.core.analysis import Verdict, judge
from serinus.core.planning import candidate_weight, mirrored_share
from serinus.core.revision import Revision
from serinus.core.rollout import latest_evidence
from serinus.core.state import Outcome, Phase, RolloutState
from serinus.kubernetes.families import OWN, Family, Row, moment
from serinus.kubernetes.watching_metrics import WATCHING_FAMILIES, drift_rows, retraining_rows
from serinus.ports import Key


@dataclass(frozen=True)
class Seen:
    """A deployment. `phase`: None before its first reconcile. `trouble`: the reason of it, empty where there is none.

    `rows` by the name of the metric, without its first word.
    """

    phase: Phase | None = None
    trouble: str = ""
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)


FAMILIES: Final = (
    Family("deployment_phase", "1 for the phase that the deployment is in, 0 for every other.", ("phase",)),
    Family("phase_since_timestamp_seconds", "When the deployment came into its phase."),
    Family("candidate_weight", "The candidate's share in percent."),
    Family("candidate_mirror", "The share of requests that is copied to the candidate, in percent."),
    Family(
        "revision_info", "1 for the stable revision and for the candidate.", ("role", "revision", "model", "version")
    ),
    Family("stable_since_timestamp_seconds", "When the stable revision was promoted, or became the first to serve."),
    Family("rollout_started_timestamp_seconds", "When the rollout under way began."),
    Family("rollout_deadline_timestamp_seconds", "When the rollout under way is ended without a verdict."),
    Family("signal", "The latest numbers of a signal of the rollout under way.", ("signal", "number")),
    Family(
        "signal_verdict",
        "1 for the verdict on a signal of the rollout under way, 0 for every other.",
        ("signal", "type", "verdict"),
    ),
    *WATCHING_FAMILIES,
)


def seen(state: RolloutState, trouble: str = "") -> Seen:
    """What is told of a deployment in this state."""
    return Seen(
        state.phase, trouble, _standing(state) | _moving(state) | drift_rows(state) | retraining_rows(state.retraining)
    )


def deployment_metrics(deployments: Mapping[Key, Seen]) -> Iterable[Metric]:
    """All gauges about deployments."""
    yield _by_phase(deployments.values())
    yield _troubles(deployments)
    for family in FAMILIES:
        yield family.metric((key, row) for key, one in deployments.items() for row in one.rows.get(family.name, ()))


def _standing(state: RolloutState) -> dict[str, tuple[Row, ...]]:
    """What is there with and without a rollout."""
    revisions = {"stable": state.stable, "candidate": state.rollout.candidate if state.rollout else None}
    return {
        "deployment_phase": tuple(((str(phase),), float(phase is state.phase)) for phase in Phase),
        "phase_since_timestamp_seconds": moment(state.phase_since),
        "candidate_weight": (((), candidate_weight(state)),),
        "candidate_mirror": (((), mirrored_share(state)),),
        "revision_info": tuple((_labels(role, one), 1.0) for role, one in revisions.items() if one),
        "stable_since_timestamp_seconds": moment(stable_since(state)),
    }


def _moving(state: RolloutState) -> dict[str, tuple[Row, ...]]:
    """What is there as long as a rollout is."""
    rollout = state.rollout
    if rollout is None:
        return {}
    numbers = latest_evidence(state).items()
    return {
        "rollout_started_timestamp_seconds": moment(rollout.started_at),
        "rollout_deadline_timestamp_seconds": moment(rollout.deadline_since + rollout.policy.deadline),
        "signal": tuple(((signal, name), value) for signal, found in numbers for name, value in found.items()),
        "signal_verdict": tuple(
            ((verdict.name, verdict.type, str(other)), float(other is verdict.verdict))
            for verdict in judge(rollout.evidence)
            for other in Verdict
        ),
    }


def stable_since(state: RolloutState) -> datetime | None:
    """When the stable revision took all requests; None where it never did.

    Of a first revision, or one whose promotion is too long ago to be in the history, only that it served before the
    earliest rollout that is remembered: that one's beginning is then the answer.
    """
    stable = state.stable
    if stable is None or not state.has_served:
        return None
    ends = [one.ended_at for one in state.history if (one.revision, one.outcome) == (stable.id, Outcome.PROMOTED)]
    begins = [one.started_at for one in (*state.history, state.rollout) if one]
    return ends[-1] if ends else min([*begins, state.phase_since])


def _labels(role: str, revision: Revision) -> tuple[str, ...]:
    return role, revision.id, revision.artifact.model, revision.artifact.version


def _by_phase(deployments: Iterable[Seen]) -> Metric:
    phases = [one.phase for one in deployments]
    gauge = GaugeMetricFamily("serinus_deployments", "ModelDeployments by phase.", labels=["phase"])
    for phase in Phase:
        gauge.add_metric([str(phase)], phases.count(phase))
    return gauge


def _troubles(deployments: Mapping[Key, Seen]) -> Metric:
    gauge = GaugeMetricFamily(
        "serinus_trouble",
        "1 for a deployment that is not as it was asked for, or whose rollout cannot be judged.",
        labels=[*OWN, "phase", "reason"],
    )
    for key, one in deployments.items():
        if one.trouble:
            gauge.add_metric([key.namespace, key.name, str(one.phase or ""), one.trouble], 1)
    return gauge
