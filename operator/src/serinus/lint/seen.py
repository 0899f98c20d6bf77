"""The base rates that a deployment's rollouts have seen: what their records keep is enough to forecast the next one."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from serinus.core.policies.closing import signal_results
from serinus.core.state import Rollout, RolloutRecord, SignalResult, WeightChange
from serinus.lint.rates import Rate

FEWEST_REQUESTS: Final = 100  # of stable; a rate of fewer says little, so an earlier rollout is asked, or it is assumed
FEWEST_LABELS: Final = 30


@dataclass(frozen=True)
class SeenRates:
    """Rates by the name of the signal that measured them, and requests per minute of all versions together."""

    bad: Mapping[str, Rate]
    spreads: Mapping[str, Rate]
    labelled: Mapping[str, Rate]
    requests_per_minute: Rate | None

    @property
    def nothing(self) -> bool:
        """Whether no rollout has seen enough of anything."""
        return not (self.bad or self.spreads or self.labelled or self.requests_per_minute)


@dataclass(frozen=True)
class _Told:
    """What is known of one rollout until `until`."""

    source: str
    until: datetime
    weights: Sequence[WeightChange]
    signals: Sequence[SignalResult]
    candidate_requests: int
    stable_requests: int


def rates_seen(records: Iterable[RolloutRecord], under_way: Rollout | None = None) -> SeenRates:
    """Each rate from the latest rollout that has seen enough for it; `records` are in order of time."""
    told = [_of_record(record) for record in records]
    if under_way and under_way.looked_at:
        told.append(_of_rollout(under_way, under_way.looked_at))
    return SeenRates(
        bad={name: rate for one in told for name, rate in _bad(one)},
        spreads={name: rate for one in told for name, rate in _spreads(one)},
        labelled={name: rate for one in told for name, rate in _labelled(one)},
        requests_per_minute=next((rate for one in reversed(told) for rate in _traffic(one)), None),
    )


def _of_record(record: RolloutRecord) -> _Told:
    return _Told(
        f"seen in the rollout of version {record.to_version or record.revision}",
        record.ended_at,
        record.weights,
        record.signals,
        record.candidate_requests,
        record.stable_requests,
    )


def _of_rollout(rollout: Rollout, looked_at: datetime) -> _Told:
    version = rollout.candidate.artifact.version or rollout.candidate.id
    evidence = rollout.evidence
    return _Told(
        f"seen so far in the rollout of version {version}",
        looked_at,
        rollout.weights,
        signal_results(rollout),
        evidence.candidate_requests,
        evidence.stable_requests,
    )


def _bad(told: _Told) -> Iterator[tuple[str, Rate]]:
    """Half a request more of each kind, so that a rate that was never seen is small and not 0."""
    for signal in told.signals:
        bad, total = signal.numbers.get("stableBad", 0.0), signal.numbers.get("stableTotal", 0.0)
        if signal.type in ("Errors", "Latency") and total >= FEWEST_REQUESTS:
            yield signal.name, Rate((bad + 0.5) / (total + 1), told.source)


def _spreads(told: _Told) -> Iterator[tuple[str, Rate]]:
    for signal in told.signals:
        spread = signal.numbers.get("spread", 0.0)
        if spread > 0 and signal.numbers.get("judged", 0.0) >= FEWEST_LABELS:
            yield signal.name, Rate(spread, told.source)


def _labelled(told: _Told) -> Iterator[tuple[str, Rate]]:
    for signal in told.signals:
        rows = signal.numbers.get("rows", 0.0)
        if signal.type == "Quality" and rows >= FEWEST_LABELS:
            yield signal.name, Rate(signal.numbers.get("labelled", 0.0) / rows, told.source)


def _traffic(told: _Told) -> Iterator[Rate]:
    """Requests are counted from the candidate's first share on. Copies are no requests of clients."""
    begun = next((one.at for one in told.weights if one.weight or one.mirror), None)
    mirrored = any(one.mirror for one in told.weights)
    requests = told.stable_requests + (0 if mirrored else told.candidate_requests)
    if begun is not None and told.until > begun and requests >= FEWEST_REQUESTS:
        yield Rate(requests / ((told.until - begun) / timedelta(minutes=1)), told.source)
