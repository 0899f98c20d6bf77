"""What a state asks of the pipelines: a run to start once it has its turn, or one to cancel.

The run's key is saved before the runner hears of it, and so is that it has its turn. The runner knows a key that it was
given before, so a crash anywhere in between starts no second run.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from serinus.core.errors import PipelineRunNotFound, PipelinesRefused, PipelinesUnavailable
from serinus.core.observation import Problem
from serinus.core.pipeline_run import Training
from serinus.core.retraining.consider import started
from serinus.core.retraining.following import refused
from serinus.core.retraining.state import RetrainingState, TrainingRun, shortened
from serinus.core.retraining.telling import retraining_notes, told
from serinus.core.spec import Retraining
from serinus.core.state import IN_ROLLOUT, RolloutState
from serinus.patience import PIPELINES, patiently
from serinus.ports import Key, PipelineRunner, Ports
from serinus.turns import Turns

FIRST_PAUSE: Final = timedelta(seconds=10)
LONGEST_PAUSE: Final = timedelta(minutes=5)

T = TypeVar("T")


@dataclass(frozen=True)
class _Failure:
    """When the runner was last asked in vain, and how often in a row."""

    at: datetime
    times: int

    def is_over(self, now: datetime) -> bool:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.times - 1, 10))
        return not timedelta() <= now - self.at < pause


@dataclass
class Launcher:
    """Starts and cancels runs, and remembers when it failed last, so that a dead runner is not asked at every look.

    One that hangs holds up nobody: after a while it is gone on without its answer, which is taken when it has come. Until
    then it is not asked the same again: a run that is looked for while it is being started could be started twice.
    """

    ports: Ports
    turns: Turns
    _failures: dict[Key, _Failure] = field(default_factory=dict)
    _asking: dict[Key, tuple[str, asyncio.Task[Any]]] = field(default_factory=dict)

    async def settle(
        self, key: Key, state: RolloutState, spec: Retraining | None, training: Training | Problem | None
    ) -> RolloutState:
        """Do what the state asks for; the state as it was saved then. Raises StateConflict, StateUnwritable."""
        memory, now = state.retraining, self.ports.clock.now()
        self.turns.note(key, memory.run if memory else None, now)
        if memory is None or memory.run is None:
            self._forget_asking(key)
            return state
        if memory.run.started_at is None:
            if why := why_not_yet(state, training):
                self.turns.forget(key)  # it holds up nobody meanwhile, and keeps its place by the time it was asked for
                return await self._save(key, state, told(with_problem(memory, memory.run, why), now))
            if not self.turns.is_next(key, now):
                return await self._save(key, state, told(with_problem(memory, memory.run, ""), now))
            state = await self._save(key, state, started(memory, now, spec))
            self.turns.note(key, state.retraining.run if state.retraining else None, now)
        failure = self._failures.get(key)
        if self.ports.runner is None or (failure and not failure.is_over(now)):
            return state
        return await self._ask(key, state, self.ports.runner, training)

    def forget(self, key: Key) -> None:
        """The deployment is gone. A run of it that is under way goes on to its end; nobody waits for it."""
        self.turns.forget(key)
        self._forget_asking(key)

    def _forget_asking(self, key: Key) -> None:
        self._failures.pop(key, None)
        self._end_asking(key)

    def _end_asking(self, key: Key) -> None:
        _, asking = self._asking.pop(key, ("", None))
        if asking is not None:
            asking.cancel()

    async def _ask(
        self, key: Key, state: RolloutState, runner: PipelineRunner, training: Training | Problem | None
    ) -> RolloutState:
        """Start or cancel, as the run stands; a refusal to start is its end."""
        memory = state.retraining
        run = memory.run if memory else None
        if memory is None or run is None:
            return state
        now = self.ports.clock.now()
        try:
            changed = await self._told_to(key, runner, memory, run, training)
        except PipelinesUnavailable as error:
            former = self._failures.get(key)
            self._failures[key] = _Failure(now, former.times + 1 if former else 1)
            changed = with_problem(memory, run, str(error))
        except PipelinesRefused as error:
            changed = refused(memory, str(error), now)
        else:
            self._failures.pop(key, None)
        return await self._save(key, state, told(changed, now))

    async def _told_to(
        self,
        key: Key,
        runner: PipelineRunner,
        memory: RetrainingState,
        run: TrainingRun,
        training: Training | Problem | None,
    ) -> RetrainingState:
        if run.id and run.cancelled:
            try:
                await self._answer(key, f"cancel {run.key}", partial(runner.cancel, run.id))
            except PipelineRunNotFound:
                return memory  # the next look says so
        if isinstance(training, Problem) and not run.id:
            return with_problem(memory, run, training.message)
        if run.id or training is None or isinstance(training, Problem):
            return memory
        made = await self._answer(key, f"start {run.key}", partial(runner.start, training.request(run.key)))
        return memory.changed(run=run.model_copy(update={"id": made, "problem": ""}))

    async def _answer(self, key: Key, doing: str, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the runner answers, or has answered since. Raises what it raises, and PipelinesUnavailable as long as it hangs."""
        known, asking = self._asking.get(key, ("", None))
        if asking is None or known != doing:
            self._end_asking(key)
            asking = asyncio.create_task(ask())
            self._asking[key] = doing, asking
        try:
            answer: T | Problem = await patiently(asyncio.shield(asking), PIPELINES)
        finally:
            if asking.done():
                self._asking.pop(key, None)
        if isinstance(answer, Problem):
            raise PipelinesUnavailable(answer.message)
        return answer

    async def _save(self, key: Key, state: RolloutState, memory: RetrainingState) -> RolloutState:
        if memory == state.retraining:
            return state
        after = state.model_copy(update={"retraining": memory})
        saved = await self.ports.store.save(key, after, expected=state.sequence)
        for note in retraining_notes(state.retraining, memory):
            self.ports.journal.noted(key, self.ports.clock.now(), note)
        return saved


def why_not_yet(state: RolloutState, training: Training | Problem | None) -> str:
    """Why a run that waits cannot have a turn, whoever else waits; empty where it can."""
    if state.phase in IN_ROLLOUT:
        return "a rollout of this deployment is under way"
    if isinstance(training, Problem):
        return training.message
    return "" if training is not None else "its training file was not read yet"


def with_problem(memory: RetrainingState, run: TrainingRun, problem: str) -> RetrainingState:
    """The memory with what keeps the run from being started or asked about."""
    return memory.changed(run=run.model_copy(update={"problem": shortened(problem)}))
