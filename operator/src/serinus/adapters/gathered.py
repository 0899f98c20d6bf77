"""Questions that come at about the same time, asked together."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")

GATHER_SECONDS: Final = 0.05


class Gathered(Generic[Question, Reply]):
    """Waits a moment for more questions before it asks all of them at once. A failure is the answer to each."""

    def __init__(
        self,
        ask: Callable[[tuple[Question, ...]], Awaitable[Mapping[Question, Reply]]],
        wait_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._ask = ask
        self._wait_seconds = wait_seconds
        self._waiting: set[Question] = set()
        self._asking: asyncio.Task[Mapping[Question, Reply]] | None = None

    async def get(self, question: Question) -> Reply:
        """The answer to one of them. Raises what asking raises."""
        self._waiting.add(question)
        if self._asking is None:
            self._asking = asyncio.create_task(self._soon())
        # Who goes away must not end it for the others.
        return (await asyncio.shield(self._asking))[question]

    async def _soon(self) -> Mapping[Question, Reply]:
        await asyncio.sleep(self._wait_seconds)
        questions, self._waiting, self._asking = tuple(self._waiting), set(), None
        return await self._ask(questions)
