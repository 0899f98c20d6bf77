"""What the registry answered lately, for all deployments together: who asks the same at the same time asks once.

A registry that is slow or hangs holds nobody up: who has waited long enough goes on with what was known before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard, TypeVar

from serinus.core import reasons
from serinus.core.elapsed import has_passed
from serinus.core.errors import SerinusError
from serinus.core.observation import Problem
from serinus.core.revision import Artifact
from serinus.core.spec import ModelSource
from serinus.ports import Clock, ModelRegistry

GOOD_FOR: Final = timedelta(seconds=10)
PROBLEMS_GOOD_FOR: Final = timedelta(seconds=2)
BETTER_THAN_NONE: Final = timedelta(minutes=5)  # how old an answer may be while a newer one is waited for
PATIENCE_SECONDS: Final = 1.0
ANEW_SECONDS: Final = 6.0  # longer than a registry may take to say that it is away
AT_ONCE: Final = 8  # questions that are with the registry; others wait here
MOST: Final = 4096  # answers that are kept
NOT_YET: Final = Problem(reasons.TARGET_UNRESOLVED, "the registry has not answered yet", passing=True)

T = TypeVar("T")
Question = tuple[str, ...]


@dataclass(frozen=True)
class _Answered:
    at: datetime
    answer: Any


@dataclass
class RegistryAnswers:
    """Asks the registry, and remembers for some seconds. An error is remembered only as long as it takes to tell all.

    `anew=True` passes over what was remembered before, and over who waits, for somebody who means the registry as it is
    now. All others wait for `patience` seconds, or not at all while the registry lets another question wait for longer;
    then they get what was known before, or NOT_YET, and the question is asked on. An answer is asked for again after
    `good_for`.
    """

    registry: ModelRegistry
    clock: Clock
    patience: float = PATIENCE_SECONDS
    good_for: timedelta = GOOD_FOR
    _known: dict[Question, _Answered] = field(default_factory=dict)
    _asking: dict[Question, asyncio.Task[None]] = field(default_factory=dict)
    _sent_at: dict[Question, float] = field(default_factory=dict)  # in the loop's seconds, the oldest first
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def target(self, source: ModelSource, *, anew: bool = False) -> Artifact | Problem:
        """What the spec names."""
        return await self._resolved(source.name, source.version or "", source.alias or "", source.uri or "", anew=anew)

    async def promoted(self, source: ModelSource, *, anew: bool = False) -> Artifact | Problem | None:
        """What the promoteAlias names: it is served first, so that a rebuilt system starts with a judged version."""
        alias = source.promote_alias
        if alias is None:
            return None
        version = await self._answer(
            ("alias", source.name, alias), lambda: self.registry.alias_version(source.name, alias), anew=anew
        )
        if version is None or isinstance(version, Problem):
            return version
        return await self._resolved(source.name, version, "", "", anew=anew)

    def is_late(self) -> bool:
        """Whether the registry lets a question wait for longer than anybody should."""
        if not self._sent_at:
            return False
        return asyncio.get_running_loop().time() - next(iter(self._sent_at.values())) > self.patience

    async def _resolved(self, model: str, version: str, alias: str, uri: str, *, anew: bool) -> Artifact | Problem:
        return await self._answer(
            ("resolve", model, version, alias, uri),
            lambda: self.registry.resolve(model, version=version, alias=alias, uri=uri),
            anew=anew,
        )

    async def _answer(self, question: Question, ask: Callable[[], Awaitable[T]], *, anew: bool) -> T | Problem:
        since = self.clock.now() if anew else None
        if not self._is_good(self._known.get(question), since):
            # An address is no question to the registry; and who means it as it is now does not stand in line.
            queue: AbstractAsyncContextManager[None] = self._slots
            if anew or _is_address(question):
                queue = nullcontext()
            asking = self._asking.get(question) or self._begin(question, self._ask(question, ask, queue))
            await asyncio.wait({asking}, timeout=ANEW_SECONDS if anew else 0 if self.is_late() else self.patience)
            if asking.done():
                asking.result()
        known = self._known.get(question)
        if known is None or (since and known.at < since) or self.clock.now() - known.at > BETTER_THAN_NONE:
            return NOT_YET
        answer: T | Problem = known.answer
        return answer

    def _begin(self, question: Question, asked: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task of its own: whoever gives up waiting takes the answer from nobody else."""
        asking = self._asking[question] = asyncio.create_task(asked)
        asking.add_done_callback(lambda _: self._asking.pop(question, None))
        return asking

    async def _ask(
        self, question: Question, ask: Callable[[], Awaitable[T]], queue: AbstractAsyncContextManager[None]
    ) -> None:
        async with queue:
            self._sent_at[question] = asyncio.get_running_loop().time()
            try:
                self._remember(question, await _or_problem(ask()))
            finally:
                del self._sent_at[question]

    def _remember(self, question: Question, answer: object) -> None:
        self._known.pop(question, None)
        if len(self._known) >= MOST:
            self._known = {what: known for what, known in self._known.items() if self._is_good(known)}
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]  # the oldest
        self._known[question] = _Answered(self.clock.now(), answer)

    def _is_good(self, known: _Answered | None, since: datetime | None = None) -> TypeGuard[_Answered]:
        if known is None or (since is not None and known.at < since):
            return False
        longest = PROBLEMS_GOOD_FOR if isinstance(known.answer, Problem) else self.good_for
        return not has_passed(longest, known.at, self.clock.now())


def _is_address(question: Question) -> bool:
    return question[0] == "resolve" and bool(question[-1])


async def _or_problem(question: Awaitable[T]) -> T | Problem:
    try:
        return await question
    except SerinusError as error:
        return Problem(reasons.TARGET_UNRESOLVED, str(error))
