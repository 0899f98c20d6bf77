"""Cumulative counts of coming and going instances as rows in stretches of time, of which few are kept.

What an instance adds follows the rules of serinus.core.analysis.cursor: the difference to its last reading; the whole
after a restart or a reset; of one not seen before the whole if it was started after `since`, else its value is where we
begin. Rows that were not watched while they were counted are taken to have come evenly.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from pydantic import ConfigDict

from serinus.adapters.bin_page import Column, Reading
from serinus.core.model import Frozen

BUCKETS: Final = 48  # in the longest span that is asked for
MOST_BUCKETS: Final = 64  # one more for each rollout that began within it
NARROWEST: Final = timedelta(seconds=1)
FORGET_AFTER: Final = timedelta(minutes=10)
RESOLUTION: Final = timedelta(seconds=1)  # of the moments at which processes are said to have started
OVERTAKEN: Final = timedelta(minutes=1)  # an older answer that comes later; more than that is a clock that was put back


class _Packed(Frozen):
    """Written with its bytes in base64."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")


class Bucket(_Packed):
    """Rows by column (packed doubles, trailing zeros left out) in [start, end)."""

    start: datetime
    end: datetime
    rows: bytes = b""


class Instance(_Packed):
    """A counting process as it was seen last. `counts`: packed as a bucket's rows."""

    instance: str
    started_at: datetime
    seen_at: datetime
    counts: bytes


class Ledger(_Packed):
    """What is known of one revision. Buckets follow each other without a gap, up to `at`.

    `span`: the longest stretch that was asked for of late, last at `span_at`. `reference` is that of the latest reading.
    `complete_since`: from when on every row is known, because the counts of every process are.
    """

    since: datetime
    at: datetime
    span: timedelta = timedelta()
    span_at: datetime
    complete_since: datetime
    columns: tuple[Column, ...] = ()
    buckets: tuple[Bucket, ...] = ()
    instances: tuple[Instance, ...] = ()
    reference: tuple[tuple[Column, float], ...] = ()


def new_ledger(since: datetime) -> Ledger:
    """Nothing is known; rows count from `since` on."""
    return Ledger(since=since, at=since, span_at=since, complete_since=since)


def asked(ledger: Ledger, since: datetime, now: datetime) -> Ledger:
    """The ledger when it is asked for what came after `since`."""
    span = now - since
    if span < ledger.span and now - ledger.span_at <= ledger.span:
        return ledger
    return ledger.model_copy(update={"span": span, "span_at": now})


def fold(ledger: Ledger, readings: Sequence[Reading], since: datetime, at: datetime) -> Ledger:
    """The ledger at `at`, when it is asked for what came after `since`. An answer that was overtaken adds nothing."""
    ledger = asked(_put_back(ledger, at), since, at)
    if at < ledger.at or (at == ledger.at and ledger.instances):
        return ledger
    columns = tuple(dict.fromkeys([*ledger.columns, *(column for one in readings for column in one.counts)]))
    known = {one.instance: one for one in ledger.instances}
    seen = [_instance(one, columns, at) for one in readings]
    buckets = _continued(ledger, since, at)
    for now in seen:
        began, rows = _increment(ledger, known.get(now.instance), now)
        if any(rows):
            buckets = _spread(_reaching_back(buckets, began, _width(ledger)), began, at, rows)
    unknown = any(one.instance not in known and one.started_at < ledger.since for one in seen)
    changes = {
        "at": at,
        "complete_since": at if unknown else ledger.complete_since,
        "columns": columns,
        "buckets": tuple(_few(_needed(buckets, at - ledger.span - _width(ledger)), since)),
        "reference": tuple(readings[-1].reference.items()) if readings else ledger.reference,
    }
    return _remembered(ledger.model_copy(update=changes), {**known, **{one.instance: one for one in seen}})


def _put_back(ledger: Ledger, at: datetime) -> Ledger:
    """The ledger where the clock was put back: nobody knows any more when its rows were counted."""
    if ledger.at - at <= OVERTAKEN:
        return ledger
    anew = {"at": at - NARROWEST, "span": timedelta(), "buckets": ()}
    return ledger.model_copy(update={**anew, **dict.fromkeys(("since", "span_at", "complete_since"), at)})


def rows_since(ledger: Ledger, since: datetime) -> tuple[datetime, dict[Column, float]]:
    """(from when on all rows are known, rows by column) in the buckets that began at `since` or later."""
    counted = [bucket for bucket in ledger.buckets if bucket.start >= since - RESOLUTION]
    total = array("d", bytes(8 * len(ledger.columns)))
    for bucket in counted:
        _add(total, _unpacked(bucket.rows))
    start = max(counted[0].start, ledger.complete_since) if counted else ledger.at
    return start, dict(zip(ledger.columns, total, strict=True))


def _instance(reading: Reading, columns: Sequence[Column], at: datetime) -> Instance:
    counts = [reading.counts.get(column, 0.0) for column in columns]
    return Instance(instance=reading.instance, started_at=reading.started_at, seen_at=at, counts=_packed(counts))


def _increment(ledger: Ledger, before: Instance | None, now: Instance) -> tuple[datetime, "array[float]"]:
    """(since when it was counted, rows by column)."""
    counts = _unpacked(now.counts)
    if before is None:
        return _all_or_nothing(now, counts, ledger.since)
    if now.started_at != before.started_at and now.started_at < before.seen_at - RESOLUTION:
        return _all_or_nothing(now, counts, max(ledger.since, before.started_at))  # two processes at one address
    former = _unpacked(before.counts)
    grown = _added(counts, former, -1.0)
    if now.started_at != before.started_at or min(grown, default=0.0) < 0:
        return before.seen_at, counts
    return before.seen_at, grown


def _all_or_nothing(now: Instance, counts: "array[float]", since: datetime) -> tuple[datetime, "array[float]"]:
    return (now.started_at, counts) if now.started_at >= since else (now.seen_at, array("d"))


def _width(ledger: Ledger) -> timedelta:
    return max(NARROWEST, ledger.span / BUCKETS)


def _continued(ledger: Ledger, since: datetime, at: datetime) -> list[Bucket]:
    """The buckets, up to `at`. None is continued across the beginning of what is asked for."""
    buckets, width = list(ledger.buckets), _width(ledger)
    if buckets and buckets[-1].start >= since and at - buckets[-1].start <= width:
        return [*buckets[:-1], buckets[-1].model_copy(update={"end": at})]
    return [*buckets, *_empty(ledger.at, at, width)]


def _reaching_back(buckets: list[Bucket], to: datetime, width: timedelta) -> list[Bucket]:
    return [*_empty(to, buckets[0].start, width), *buckets] if to < buckets[0].start else buckets


def _empty(start: datetime, end: datetime, width: timedelta) -> Iterator[Bucket]:
    """Buckets of about the same width, MOST_BUCKETS at most."""
    count = max(1, min(MOST_BUCKETS, round((end - start) / width)))
    edges = [start + (end - start) * index / count for index in range(count)] + [end]
    return (Bucket(start=low, end=high) for low, high in pairwise(edges))


def _spread(buckets: Iterable[Bucket], start: datetime, end: datetime, rows: "array[float]") -> list[Bucket]:
    """The buckets with the rows of [start, end), each with its share of that time."""
    result = []
    for bucket in buckets:
        common = min(bucket.end, end) - max(bucket.start, start)
        share = common / (end - start) if end > start else float(bucket.end >= end)
        if share > 0:
            packed = _packed(_added(_unpacked(bucket.rows), rows, share))
            bucket = bucket.model_copy(update={"rows": packed})  # noqa: PLW2901
        result.append(bucket)
    return result


def _needed(buckets: list[Bucket], since: datetime) -> list[Bucket]:
    return [bucket for bucket in buckets if bucket.end > since]


def _few(buckets: list[Bucket], since: datetime) -> list[Bucket]:
    """At most MOST_BUCKETS: of neighbours those become one that are the shortest together, but not across `since`."""
    while len(buckets) > MOST_BUCKETS:
        same = [index for index, (one, two) in enumerate(pairwise(buckets)) if not one.start < since <= two.start]
        at = min(same, key=lambda index: buckets[index + 1].end - buckets[index].start)
        one, other = buckets[at : at + 2]
        rows = _packed(_added(_unpacked(one.rows), _unpacked(other.rows), 1.0))
        buckets = [*buckets[:at], Bucket(start=one.start, end=other.end, rows=rows), *buckets[at + 2 :]]
    return buckets


def _remembered(ledger: Ledger, known: dict[str, Instance]) -> Ledger:
    """The ledger with the instances that were seen of late. One that comes back after all must not count from 0 again."""
    oldest = ledger.at - max(FORGET_AFTER, ledger.span)
    gone = [one for one in known.values() if one.seen_at < oldest]
    since = max([ledger.since, *(one.started_at + RESOLUTION for one in gone)])
    kept = tuple(one for one in known.values() if one.seen_at >= oldest)
    return ledger.model_copy(update={"instances": kept, "since": since})


def _added(one: "array[float]", other: "array[float]", share: float) -> "array[float]":
    total = array("d", bytes(8 * max(len(one), len(other))))
    _add(total, one)
    _add(total, other, share)
    return total


def _add(total: "array[float]", rows: "array[float]", share: float = 1.0) -> None:
    for index, count in enumerate(rows):
        total[index] += share * count


def _packed(rows: Iterable[float]) -> bytes:
    return array("d", rows).tobytes()


def _unpacked(content: bytes) -> "array[float]":
    rows = array("d")
    rows.frombytes(content)
    return rows
