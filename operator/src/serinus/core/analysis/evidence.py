"""Everything that is known about a rollout's candidate, in one value that is checkpointed with the rollout's state."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, assert_never

from pydantic import Field

from serinus.core.analysis import answers, availability, compared, quality, query
from serinus.core.analysis.answers import Answers, Windows
from serinus.core.analysis.availability import Availability
from serinus.core.analysis.compared import Compared
from serinus.core.analysis.counts import Pair
from serinus.core.analysis.cursor import Cursor, Increment, fold, is_old
from serinus.core.analysis.edges import missing_edge
from serinus.core.analysis.interval import Interval, Restarts, trial
from serinus.core.analysis.quality import Quality
from serinus.core.analysis.query import Query
from serinus.core.model import Frozen
from serinus.core.observation import MetricsSnapshot, Problem, RevisionStatus
from serinus.core.quality import Comparison
from serinus.core.spec.signals import (
    AvailabilitySignal,
    DriftSignal,
    ErrorsSignal,
    LatencySignal,
    QualitySignal,
    QuerySignal,
    Signal,
)

LONGEST_GAP_SECONDS = 120.0  # time beyond this between two looks is time away: nobody observed it

State = Annotated[Compared | Availability | Quality | Answers | Query, Field(discriminator="kind")]


class Evidence(Frozen):
    """The evidence of one rollout, pooled over its steps.

    `alpha` is the chance of rejecting a healthy candidate, over all signals and attempts. `totals` are failed and all
    requests since the rollout began.
    """

    alpha: float
    attempt: int
    cursor: Cursor
    signals: tuple[State, ...]
    restarts: Restarts = Restarts()
    intervals: int = 0
    observed_seconds: float = 0.0
    totals: Pair = Pair()

    @property
    def candidate_requests(self) -> int:
        """Requests the candidate answered since the rollout began; a step's minRequests is a difference of this."""
        return self.totals.candidate.total

    @property
    def stable_requests(self) -> int:
        """Requests stable answered since the rollout began."""
        return self.totals.stable.total

    @property
    def alpha_of_one_test(self) -> float:
        """The level of each test that can fail the candidate.

        alpha is split over attempts as 1/(a(a+1)), which sums to 1, and evenly over the tests of an attempt: any of
        them may reject. Passing needs no such correction, because all signals must pass.
        """
        return self.alpha / (self.attempt * (self.attempt + 1)) / sum(state.tests for state in self.signals)


@dataclass(frozen=True)
class Look:
    """What one look saw.

    `weight` is the candidate's in percent over the whole time since the last look, as accepted by the route; None where
    it changed, is unknown, or does not govern the split (sticky clients, header match). `mirrored`: it is the share of
    stable's requests that is copied to the candidate. A status is None while that revision is not meant to be serving.
    `clock_put_back`: what the evidence knows of time is of a clock that was put back since. `quality`, `queries` and `answers`
    are those of Observation.
    """

    snapshot: MetricsSnapshot
    candidate_status: RevisionStatus | None
    stable_status: RevisionStatus | None
    weight: int | None
    mirrored: bool = False
    clock_put_back: bool = False
    quality: Mapping[str, Comparison | Problem] = field(default_factory=dict)
    queries: Mapping[str, float | Problem] = field(default_factory=dict)
    answers: Windows | Problem | None = None


def begin(
    signals: tuple[Signal, ...],
    *,
    alpha: float,
    attempt: int,
    candidate: str,
    stable: str,
    since: datetime,
) -> Evidence:
    """No evidence yet, on the signals and always on availability."""
    if not any(isinstance(signal, AvailabilitySignal) for signal in signals):
        signals = (*signals, AvailabilitySignal(name="availability"))
    thresholds = tuple(s.threshold.total_seconds() for s in signals if isinstance(s, LatencySignal))
    return Evidence(
        alpha=alpha,
        attempt=attempt,
        cursor=Cursor(candidate=candidate, stable=stable, since=since, thresholds_seconds=thresholds),
        signals=tuple(_begin(signal, since) for signal in signals),
    )


def look(evidence: Evidence, look: Look) -> Evidence:
    """The evidence after a look. The same look again, or an older one, changes nothing.

    What happens between two looks is taken as possibly one event (a burst of retries, a restart), so looks should be
    further apart than such events last.
    """
    before = evidence.cursor.model_copy(update={"at": None}) if look.clock_put_back else evidence.cursor
    if is_old(before, look.snapshot):
        return evidence
    cursor, increment = fold(before, look.snapshot)
    seconds = (look.snapshot.at - before.at).total_seconds() if before.at else 0.0
    interval = _interval(evidence, look, seconds, increment)
    return evidence.model_copy(
        update={
            "cursor": cursor,
            "signals": _updated(evidence, interval, look),
            "restarts": Restarts(candidate=_restarts(look.candidate_status), stable=_restarts(look.stable_status)),
            "intervals": evidence.intervals + 1,
            "observed_seconds": evidence.observed_seconds + min(seconds, LONGEST_GAP_SECONDS),
            "totals": evidence.totals + increment.requests,
        }
    )


def _begin(signal: Signal, since: datetime) -> State:
    match signal:
        case ErrorsSignal() | LatencySignal():
            return compared.begin(signal)
        case AvailabilitySignal():
            return availability.begin(signal)
        case QualitySignal():
            return quality.begin(signal, since)
        case DriftSignal():
            return answers.begin(signal)
        case QuerySignal():
            return query.begin(signal)
        case _:
            assert_never(signal)


def _interval(evidence: Evidence, look: Look, seconds: float, increment: Increment) -> Interval:
    return Interval(
        seconds=seconds,
        increment=increment,
        unavailable=Pair(
            candidate=trial(look.candidate_status, evidence.restarts.candidate),
            stable=trial(look.stable_status, evidence.restarts.stable),
        ),
        weight=look.weight,
        mirrored=look.mirrored,
    )


def _restarts(status: RevisionStatus | None) -> int | None:
    return status.restarts if status else None


def _updated(evidence: Evidence, interval: Interval, look: Look) -> tuple[State, ...]:
    slow = iter(interval.increment.slow)
    return tuple(
        _latency(
            _checked(state, state.signal, evidence.cursor, look.snapshot), state.signal, evidence, next(slow), interval
        )
        if isinstance(state, Compared) and isinstance(state.signal, LatencySignal)
        else _update(state, interval, look, evidence)
        for state in evidence.signals
    )


def _update(state: State, interval: Interval, look: Look, evidence: Evidence) -> State:
    match state:
        case Compared():
            return compared.update(state, interval.increment.requests, interval.seconds, evidence.alpha)
        case Availability():
            return availability.update(state, interval, evidence.alpha)
        case Quality():
            return quality.update(state, look.quality.get(state.signal.name), evidence.alpha)
        case Answers():
            return answers.update(state, look.answers, evidence.alpha_of_one_test)
        case Query():
            return query.update(state, look.queries.get(state.signal.name))
        case _:
            assert_never(state)


def _latency(state: Compared, signal: LatencySignal, evidence: Evidence, slow: Pair, interval: Interval) -> Compared:
    if evidence.observed_seconds < signal.warmup.total_seconds():
        return state
    return compared.update(state, slow, interval.seconds, evidence.alpha)


def _checked(state: Compared, signal: LatencySignal, cursor: Cursor, snapshot: MetricsSnapshot) -> Compared:
    problem = missing_edge(snapshot, (cursor.candidate, cursor.stable), signal.threshold.total_seconds())
    return state.model_copy(update={"problem": problem})
