"""Requests and responses of KServe's logger, which come one by one, joined by their event's id."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, delete, insert, select

from serinus.collector.memory import Memory
from serinus.collector.messages import BodyInvalid, Problem
from serinus.collector.outcomes import LoggedOutcome, Written
from serinus.collector.payloads import batch_of
from serinus.collector.predictions import PredictionWriter
from serinus.collector.tables import halves
from serinus.collector.values import micros


@dataclass(frozen=True)
class Half:
    """A request or its response, as KServe's logger tells it. `request_id`: the client's name for it, if it gave one.

    `is_copy`: nobody but the collector asked.
    """

    deployment: str
    revision: str
    event_id: str
    is_response: bool
    time: datetime
    body: bytes
    version: str = ""
    request_id: str = ""
    is_copy: bool = False


class HalfWriter:
    """Keeps the first half; with the second one the request's rows are predictions like others."""

    def __init__(self, connection: Connection, memory: Memory, predictions: PredictionWriter) -> None:
        self._connection, self._memory, self._predictions = connection, memory, predictions

    def write(self, half: Half, now: datetime) -> Written:
        """Join `half` with the other one, or keep it until that comes.

        What the collector asked itself is dropped, or it would ask ever more.
        """
        if half.is_copy:
            return Written(Counter({LoggedOutcome.COPY: 1}))
        deployment = self._memory.deployment(self._connection, half.deployment)
        this = and_(
            halves.c.deployment_id == deployment, halves.c.revision == half.revision, halves.c.event_id == half.event_id
        )
        other = self._connection.execute(select(halves).where(this)).one_or_none()
        written = Written()
        if other is None:
            self._keep(deployment, half, now)
            written.counts[LoggedOutcome.WAITING] += 1
        elif other.is_response == half.is_response:
            written.counts[LoggedOutcome.REPEATED] += 1
        else:
            self._connection.execute(delete(halves).where(this))
            written.add(self._joined(half, other.body, other.request_id, now))
        return written

    def _joined(self, half: Half, other: bytes, request_id: str, now: datetime) -> Written:
        request, response = (other, half.body) if half.is_response else (half.body, other)
        written = Written()
        try:
            batch = batch_of(half, request, response, half.request_id or request_id)
        except BodyInvalid as error:
            written.counts[LoggedOutcome.INVALID] += 1
            written.problems.append(Problem(0, half.event_id, str(error)))
            return written
        written.counts[LoggedOutcome.COMPLETE] += 1
        written.add(self._predictions.write(batch, now))
        return written

    def _keep(self, deployment: int, half: Half, now: datetime) -> None:
        self._connection.execute(
            insert(halves).values(
                deployment_id=deployment,
                revision=half.revision,
                event_id=half.event_id,
                request_id=half.request_id,
                is_response=half.is_response,
                time=micros(half.time),
                body=half.body,
                arrived=micros(now),
            )
        )
