"""Asking a predictor for answers to rows that another revision has answered."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import orjson

from serinus.collector.store import StoredRow
from serinus.core.errors import SerinusError

ANSWER_SECONDS: Final = 10.0
TRIED_ROWS: Final = 4  # of a refused batch, before it is halved: where these are refused too, so would all be
SHOWN: Final = 300
# What a predictor that is up says of these rows, whoever asks and whenever. All else may pass.
REFUSALS: Final = frozenset({400, 413, 422, 500})
HEADERS: Final = {"content-type": "application/json", "x-serinus-copy": "1"}


class RowsRefused(SerinusError):
    """The model does not answer these rows."""


class PredictorAway(SerinusError):
    """The predictor did not answer as one; that may pass."""

    retriable = True


@dataclass(frozen=True)
class Scored:
    """What became of rows: answers, and the sentence of each refusal."""

    answered: tuple[tuple[StoredRow, float | str], ...] = ()
    refused: tuple[tuple[StoredRow, str], ...] = ()

    def __add__(self, other: "Scored") -> "Scored":
        return Scored(self.answered + other.answered, self.refused + other.refused)


class Scorer:
    """Posts rows to predictors, marked so that these count and log them nowhere."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, transport=transport)

    async def close(self) -> None:
        """End all connections."""
        await self._client.aclose()

    async def score(self, address: str, model: str, rows: Sequence[StoredRow]) -> Scored:
        """Ask for all of them at once, and where that is refused for each half: one bad row costs no other its answer.

        Where a few of them by themselves are refused too, the others count as refused unasked: a live predictor is not
        asked about each. Raises PredictorAway.
        """
        if len(rows) <= 2 * TRIED_ROWS:
            return await self._halved(address, model, rows)
        try:
            answers = await self._ask(address, model, rows)
        except RowsRefused as refusal:
            tried = [rows[index * (len(rows) - 1) // (TRIED_ROWS - 1)] for index in range(TRIED_ROWS)]
            if not any([(await self._halved(address, model, [row])).answered for row in tried]):
                return Scored(refused=tuple((row, str(refusal)) for row in rows))
            middle = len(rows) // 2
            return await self._halved(address, model, rows[:middle]) + await self._halved(address, model, rows[middle:])
        return Scored(answered=tuple(zip(rows, answers, strict=True)))

    async def _halved(self, address: str, model: str, rows: Sequence[StoredRow]) -> Scored:
        try:
            answers = await self._ask(address, model, rows)
        except RowsRefused as refusal:
            if len(rows) == 1:
                return Scored(refused=((rows[0], str(refusal)),))
            middle = len(rows) // 2
            return await self._halved(address, model, rows[:middle]) + await self._halved(address, model, rows[middle:])
        return Scored(answered=tuple(zip(rows, answers, strict=True)))

    async def _ask(self, address: str, model: str, rows: Sequence[StoredRow]) -> list[float | str]:
        url = f"{address}/v1/models/{model}:predict"
        body = orjson.dumps({"instances": [dict(row.features) for row in rows]})
        try:
            answer = await self._client.post(url, content=body, headers=HEADERS)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PredictorAway(f"{url} cannot be asked: {str(error) or type(error).__name__}") from error
        if answer.status_code in REFUSALS:
            raise RowsRefused(f"{url} answered {answer.status_code}: {answer.text[:SHOWN]}")
        if answer.status_code != httpx.codes.OK:
            raise PredictorAway(f"{url} answered {answer.status_code}: {answer.text[:SHOWN]}")
        return _predictions(url, answer.content, len(rows))


def _predictions(url: str, content: bytes, rows: int) -> list[float | str]:
    try:
        found: Any = orjson.loads(content)["predictions"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise RowsRefused(f'{url} answered no {{"predictions": [...]}}; it does not speak the V1 protocol') from None
    if (
        not isinstance(found, list)
        or len(found) != rows
        or not all(isinstance(one, int | float | str) for one in found)
    ):
        raise RowsRefused(f"{url} answered something else than one number or text for each of {rows} rows")
    return found
