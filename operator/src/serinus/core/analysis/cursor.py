"""Folding cumulative counters into increments, once each.

The cursor is checkpointed together with the statistics: a crash in between neither loses a request nor counts one
twice, and folding the same snapshot again adds nothing. The rules for a series, which is one revision on one instance:

* seen before: the difference counts; after a reset (another start, or a counter that fell) the whole value does;
* new on an instance seen before: counts from 0;
* of another process, which ran already when the instance was seen last (two of them answer at one address): as on an
  instance not seen before, and nothing if it is the older one;
* on an instance not seen before: counts from 0 if it was started after `since`; otherwise its value is where we begin.
"""

from datetime import datetime, timedelta

from serinus.core.analysis.counts import Counts, Pair, is_failure
from serinus.core.model import Frozen
from serinus.core.observation import CounterSample, MetricsSnapshot

FORGET_AFTER = timedelta(minutes=10)
RESOLUTION = timedelta(seconds=1)  # of the moments at which processes are said to have started
EDGE_TOLERANCE = 1e-6


class Reading(Frozen):
    """The cumulative counters of one series. `within[i]`: those within threshold i, None if there is no such edge."""

    started_at: datetime
    requests: int = 0
    failed: int = 0
    timed: int = 0
    within: tuple[int | None, ...] = ()


class Instance(Frozen):
    """A counting process that was seen, and its readings for the two revisions compared."""

    instance: str
    seen_at: datetime
    started_at: datetime
    candidate: Reading | None = None
    stable: Reading | None = None


class Cursor(Frozen):
    """Up to where the counters are folded. `thresholds_seconds`: the latency edges to read."""

    candidate: str
    stable: str
    since: datetime
    thresholds_seconds: tuple[float, ...] = ()
    at: datetime | None = None
    instances: tuple[Instance, ...] = ()


class Increment(Frozen):
    """What came since the last snapshot. `slow[i]` counts requests slower than threshold i."""

    requests: Pair = Pair()
    slow: tuple[Pair, ...] = ()

    def __add__(self, other: "Increment") -> "Increment":
        slow = tuple(one + two for one, two in zip(self.slow, other.slow, strict=True))
        return Increment(requests=self.requests + other.requests, slow=slow)


def fold(cursor: Cursor, snapshot: MetricsSnapshot) -> tuple[Cursor, Increment]:
    """The cursor at the snapshot, and what the snapshot adds. An old or repeated snapshot adds nothing."""
    if is_old(cursor, snapshot):
        return cursor, Increment()
    known = {instance.instance: instance for instance in cursor.instances}
    increment = Increment(slow=tuple(Pair() for _ in cursor.thresholds_seconds))
    for name, started_at in _seen(snapshot).items():
        before = known.get(name)
        now = Instance(
            instance=name,
            started_at=started_at,
            seen_at=snapshot.at,
            candidate=_read(cursor, snapshot, name, cursor.candidate) or (before.candidate if before else None),
            stable=_read(cursor, snapshot, name, cursor.stable) or (before.stable if before else None),
        )
        increment += _increment(cursor, before, now)
        known[name] = now
    return _forget(cursor, snapshot.at, known), increment


def is_old(cursor: Cursor, snapshot: MetricsSnapshot) -> bool:
    """Whether nothing is new in it."""
    return cursor.at is not None and snapshot.at <= cursor.at


def _seen(snapshot: MetricsSnapshot) -> dict[str, datetime]:
    """When each instance in the snapshot was started."""
    counting = {sample.instance: sample.started_at for sample in snapshot.samples}
    return counting | {up.instance: up.started_at for up in snapshot.instances}


def _read(cursor: Cursor, snapshot: MetricsSnapshot, instance: str, revision: str) -> Reading | None:
    for sample in snapshot.samples:
        if sample.instance == instance and sample.revision == revision:
            return _reading(sample, cursor.thresholds_seconds)
    return None


def _reading(sample: CounterSample, thresholds: tuple[float, ...]) -> Reading:
    requests = sum(sample.codes.values())
    return Reading(
        started_at=sample.started_at,
        requests=requests,
        failed=sum(count for code, count in sample.codes.items() if is_failure(code)),
        # Where the source leaves the +Inf bucket out, every request was timed.
        timed=sample.latency_buckets.get(float("inf"), requests),
        within=tuple(_bucket(sample, threshold) for threshold in thresholds),
    )


def _bucket(sample: CounterSample, threshold: float) -> int | None:
    for edge, count in sample.latency_buckets.items():
        if abs(edge - threshold) <= EDGE_TOLERANCE * threshold:
            return count
    return None


def _increment(cursor: Cursor, before: Instance | None, now: Instance) -> Increment:
    fresh = before is not None or now.started_at > cursor.since
    if before is not None and _is_another(before, now):
        fresh = now.started_at > max(cursor.since, before.started_at)
        before = None
    nothing = (Counts(),) * (1 + len(cursor.thresholds_seconds))
    candidate = _since(before.candidate if before else None, now.candidate, fresh) or nothing
    stable = _since(before.stable if before else None, now.stable, fresh) or nothing
    requests, *slow = (Pair(candidate=c, stable=s) for c, s in zip(candidate, stable, strict=True))
    return Increment(requests=requests, slow=tuple(slow))


def _is_another(before: Instance, now: Instance) -> bool:
    """Whether it is no restart: what was started before the last sighting is not what was seen then."""
    return now.started_at != before.started_at and now.started_at < before.seen_at - RESOLUTION


def _since(before: Reading | None, now: Reading | None, fresh: bool) -> tuple[Counts, ...]:
    """The requests that failed, then those slower than each threshold, since the reading before; () for nothing."""
    if now is None or (before is None and not fresh):
        return ()
    if before is None or _was_reset(before, now):
        before = Reading(started_at=now.started_at, within=(0,) * len(now.within))
    timed = now.timed - before.timed
    return (
        Counts(bad=now.failed - before.failed, total=now.requests - before.requests),
        *(_beyond(old, new, timed) for old, new in zip(before.within, now.within, strict=True)),
    )


def _beyond(old: int | None, new: int | None, timed: int) -> Counts:
    """Requests slower than an edge; none are known when the edge has only just appeared, or is missing."""
    if old is None or new is None:
        return Counts()
    # Counters of one instance are not read at the same instant, so one may be a request ahead of the other.
    return Counts(bad=max(0, timed - (new - old)), total=max(timed, 0))


def _was_reset(before: Reading, now: Reading) -> bool:
    pairs = zip(before.within, now.within, strict=True)
    fell = any(old is not None and new is not None and new < old for old, new in pairs)
    return (
        fell
        or now.started_at != before.started_at
        or now.requests < before.requests
        or now.failed < before.failed
        or now.timed < before.timed
    )


def _forget(cursor: Cursor, at: datetime, known: dict[str, Instance]) -> Cursor:
    """The cursor without the instances that are long gone, so that it does not grow with every pod there ever was.

    Should one of them come back after all, it must not count from 0: `since` moves past its start, so that it is new.
    """
    gone = [instance for instance in known.values() if at - instance.seen_at > FORGET_AFTER]
    kept = tuple(instance for instance in known.values() if at - instance.seen_at <= FORGET_AFTER)
    since = max([cursor.since, *(instance.started_at for instance in gone)])
    return cursor.model_copy(update={"at": at, "since": since, "instances": kept})
