"""What the registry answered lately, for all deployments together: who asks the same at the same time asks once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard, TypeVar

from serinus.core import reasons
from serinus.core.errors import SerinusError
from serinus.core.observation import Problem
from serinus.core.revision import Artifact
from serinus.core.spec import ModelSource
from serinus.ports import Clock, ModelRegistry

GOOD_FOR: Final = timedelta(seconds=10)
PROBLEMS_GOOD_FOR: Final = timedelta(seconds=2)
MOST: Final = 4096  # answers that are kept

T = TypeVar("T")
Question = tuple[str, ...]


@dataclass(frozen=True)
class _Answered:
    at: datetime
    answer: Any


@dataclass
class RegistryAnswers:
    """Asks the registry, and remembers for some seconds. An error is remembered only as long as it takes to tell all.

    `anew=True` passes over what was remembered before, for somebody who means the registry as it is now.
    """

    registry: ModelRegistry
    clock: Clock
    _known: dict[Question, _Answered] = field(default_factory=dict)
    _asking: dict[Question, asyncio.Event] = field(default_factory=dict)

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

    async def _resolved(self, model: str, version: str, alias: str, uri: str, *, anew: bool) -> Artifact | Problem:
        return await self._answer(
            ("resolve", model, version, alias, uri),
            lambda: self.registry.resolve(model, version=version, alias=alias, uri=uri),
            anew=anew,
        )

    async def _answer(self, question: Question, ask: Callable[[], Awaitable[T]], *, anew: bool) -> T | Problem:
        since = self.clock.now() if anew else None
        while not self._is_good(known := self._known.get(question), since):
            if asking := self._asking.get(question):
                await asking.wait()  # if nothing came of it, whoever wakes first asks himself
            else:
                await self._ask(question, ask)
        answer: T | Problem = known.answer
        return answer

    async def _ask(self, question: Question, ask: Callable[[], Awaitable[T]]) -> None:
        asking = self._asking[question] = asyncio.Event()
        try:
            self._remember(question, await _or_problem(ask()))
        finally:
            del self._asking[question]
            asking.set()

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
        longest = PROBLEMS_GOOD_FOR if isinstance(known.answer, Problem) else GOOD_FOR
        return timedelta() <= self.clock.now() - known.at < longest


async def _or_problem(question: Awaitable[T]) -> T | Problem:
    try:
        return await question
    except SerinusError as error:
        return Problem(reasons.TARGET_UNRESOLVED, str(error))
