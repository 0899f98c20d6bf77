"""Waiting for an answer, but not for long: who is away must not hold up what can be decided without them."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

from serinus.core import reasons
from serinus.core.observation import Problem

MOST_PATIENCE: Final = 5.0  # seconds

T = TypeVar("T")


@dataclass(frozen=True)
class Source:
    """Who is asked, and the reason where they do not answer."""

    name: str
    unavailable: str


COLLECTOR: Final = Source("the collector", reasons.QUALITY_UNAVAILABLE)
PROMETHEUS: Final = Source("Prometheus", reasons.METRICS_UNAVAILABLE)
COUNTERS: Final = Source("the source of the predictors' counters", reasons.METRICS_UNAVAILABLE)
PIPELINES: Final = Source("what runs the pipelines", reasons.RUNNER_UNAVAILABLE)
TRAINING_FILE: Final = Source("what has the training file", reasons.RETRAINING_UNAVAILABLE)


async def patiently(answer: Awaitable[T], who: Source, seconds: float | None = None) -> T | Problem:
    """The answer, or that there was none within `seconds` (MOST_PATIENCE). What the source raises is raised."""
    patience = MOST_PATIENCE if seconds is None else seconds
    try:
        async with asyncio.timeout(patience):
            return await answer
    except TimeoutError:
        late = f"{who.name} did not answer within {patience:g} s; it is asked again at the next look"
        return Problem(who.unavailable, late)
