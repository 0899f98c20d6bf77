"""What the signals of a rollout under way are judged on, beside the counters of requests."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from serinus.core import reasons
from serinus.core.analysis.quality import Quality, cohort_length
from serinus.core.errors import MetricsUnavailable, QualityUnavailable, QueryInvalid
from serinus.core.looking import JUDGED, interval_is_over
from serinus.core.observation import BinWindow, Problem, ServingObservation
from serinus.core.quality import CompareQuestion, Comparison, Party
from serinus.core.revision import Revision
from serinus.core.spec import DriftSignal, QuerySignal
from serinus.core.state import Rollout, RolloutState
from serinus.patience import COLLECTOR, COUNTERS, MOST_PATIENCE, PROMETHEUS, Source, patiently
from serinus.ports import BinSource, Key, Ports, QuerySource

LEAST_PATIENCE: Final = 1.0
OF_INTERVAL: Final = 2  # who is asked holds up a look by half an interval at most

T = TypeVar("T")
Answered = dict[str, T | Problem]


@dataclass(frozen=True)
class SignalAnswers:
    """Fields of the same names in Observation."""

    quality: Mapping[str, Comparison | Problem] = field(default_factory=dict)
    queries: Mapping[str, float | Problem] = field(default_factory=dict)
    answers: tuple[BinWindow, BinWindow] | Problem | None = None


@dataclass(frozen=True)
class _Asked:
    """What every question needs. `patience`: seconds until a look goes on without the answer."""

    ports: Ports
    key: Key
    rollout: Rollout
    stable: Revision
    serving: ServingObservation

    @property
    def patience(self) -> float:
        half = self.rollout.policy.interval.total_seconds() / OF_INTERVAL
        return max(LEAST_PATIENCE, min(MOST_PATIENCE, half))


async def ask_for_signals(ports: Ports, key: Key, state: RolloutState, serving: ServingObservation) -> SignalAnswers:
    """Ask what the rollout's Quality, Query and Drift signals need, all at the same time, where a look is due."""
    rollout, stable = state.rollout, state.stable
    if rollout is None or stable is None or state.phase not in JUDGED:
        return SignalAnswers()
    if not interval_is_over(rollout, ports.clock.now()):
        return SignalAnswers()
    asked = _Asked(ports, key, rollout, stable, serving)
    quality, queries, answers = await asyncio.gather(_qualities(asked), _queries(asked), _answers(asked))
    return SignalAnswers(quality, queries, answers)


async def _qualities(asked: _Asked) -> Answered[Comparison]:
    signals = [state for state in asked.rollout.evidence.signals if isinstance(state, Quality)]
    source = asked.ports.quality
    if source is None:
        return {state.signal.name: _collector_missing(state.signal.name) for state in signals}
    return await _together(
        {
            state.signal.name: _patiently(source.compare(asked.key, question(asked, state)), COLLECTOR, asked)
            for state in signals
        }
    )


def question(asked: _Asked, state: Quality) -> CompareQuestion:
    """Candidate against stable, in cohorts that go on from those of the looks before."""
    signal, policy = state.signal, asked.rollout.policy
    candidate, stable = asked.rollout.candidate.id, asked.stable.id
    where = asked.serving.addresses
    return CompareQuestion(
        model=asked.key.name,
        candidate=Party(revision=candidate, address=where.get(candidate, "")),
        stable=Party(revision=stable, address=where.get(stable, "")),
        copied=gets_copies_alone(asked.rollout),
        loss=signal.metric,
        bound=signal.bound,
        since=state.since,
        cohort_seconds=cohort_length(signal, policy.deadline, policy.interval).total_seconds(),
        sample_rate=signal.sample_rate,
    )


async def _queries(asked: _Asked) -> Answered[float]:
    signals = [signal for signal in asked.rollout.policy.signals if isinstance(signal, QuerySignal)]
    source: QuerySource | None = asked.ports.queries
    if source is None:
        return {signal.name: _prometheus_missing(signal.name) for signal in signals}
    return await _together(
        {signal.name: _patiently(source.evaluate(signal.promql), PROMETHEUS, asked) for signal in signals}
    )


async def _answers(asked: _Asked) -> tuple[BinWindow, BinWindow] | Problem | None:
    """Both windows since the candidate has had its present share; nothing before it had one."""
    signal = next((one for one in asked.rollout.policy.signals if isinstance(one, DriftSignal)), None)
    since = share_since(asked.rollout)
    if signal is None or since is None:
        return None
    source = asked.ports.bins
    if source is None:
        return _counters_missing(signal.name)
    return await _patiently(_windows(source, asked, since), COUNTERS, asked)


async def _windows(source: BinSource, asked: _Asked, since: datetime) -> tuple[BinWindow, BinWindow]:
    return await asyncio.gather(
        source.window(asked.key, asked.rollout.candidate.id, since), source.window(asked.key, asked.stable.id, since)
    )


def share_since(rollout: Rollout) -> datetime | None:
    """Since when the candidate has its present share of the requests, or of copies; None before it has one."""
    last = rollout.weights[-1] if rollout.weights else None
    return last.at if last and (last.weight or last.mirror) else None


def gets_copies_alone(rollout: Rollout) -> bool:
    """Whether the candidate answers no client, but copies of their requests."""
    last = rollout.weights[-1] if rollout.weights else None
    return last is not None and last.weight == 0 and last.mirror > 0


async def _together(questions: Mapping[str, Awaitable[T | Problem]]) -> Answered[T]:
    return dict(zip(questions, await asyncio.gather(*questions.values()), strict=True))


async def _patiently(answer: Awaitable[T], who: Source, asked: _Asked) -> T | Problem:
    """The answer, or why there is none: then the signal says so, and nothing is concluded from it."""
    try:
        return await patiently(answer, who, asked.patience)
    except (QualityUnavailable, MetricsUnavailable, QueryInvalid) as error:
        return Problem(type(error).__name__, str(error))


def _collector_missing(signal: str) -> Problem:
    return Problem(
        reasons.COLLECTOR_MISSING,
        f"signal {signal} is judged on labels, and no collector is set up that has them; set its address (in a "
        "cluster settings.collectorUrl), or remove the signal",
    )


def _prometheus_missing(signal: str) -> Problem:
    return Problem(
        reasons.PROMETHEUS_MISSING,
        f"signal {signal} asks Prometheus, and none is set up; set its address (in a cluster settings.prometheusUrl, on one "
        "machine --prometheus), or remove the signal",
    )


def _counters_missing(signal: str) -> Problem:
    return Problem(
        reasons.PREDICTOR_COUNTERS_MISSING,
        f"signal {signal} compares answers by the predictors' counters, and nothing is set up that reads them; set up "
        "what does (in a cluster settings.prometheusUrl), or remove the signal",
    )
