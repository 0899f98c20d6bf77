"""Which comparisons are asked for just now, and why their rows are not paired."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Final

from serinus.core.quality import CompareQuestion

LOOKS: Final = 3  # that may pass without a question before a comparison counts as over
FORGET_SECONDS: Final = 86_400.0


@dataclass(frozen=True)
class _Ask:
    """One signal's last question. `pause`: seconds from the one before to this."""

    question: CompareQuestion
    at: float  # on the clock
    pause: float = 0.0


@dataclass
class _Asked:
    """What several signals ask about the same two revisions; the last one that asked is at the end."""

    asks: dict[Hashable, _Ask] = field(default_factory=dict)
    problem: str = ""


class LiveComparisons:
    """The last questions of each deployment, for as long as they are asked again. `clock`: seconds that never go back.

    That is `live_seconds`, or longer where the looks of a rollout are further apart.
    """

    def __init__(self, live_seconds: float, clock: Callable[[], float]) -> None:
        self._live_seconds, self._clock = live_seconds, clock
        self._asked: dict[str, _Asked] = {}
        self._lock = Lock()

    def asked(self, deployment: str, question: CompareQuestion) -> None:
        """Somebody asks; a problem is remembered as long as the same revisions are compared."""
        with self._lock:
            now, asked = self._clock(), self._asked.pop(deployment, _Asked())
            if any(_parties(one.question) != _parties(question) for one in asked.asks.values()):
                asked = _Asked()
            before = asked.asks.pop(_signal(question), None)
            asked.asks[_signal(question)] = _Ask(question, now, now - before.at if before else 0.0)
            self._asked[deployment] = asked

    def live(self) -> dict[str, CompareQuestion]:
        """What is compared now, by deployment `namespace/name`: both revisions are to score the sampled rows.

        Of several signals' questions it is the last, with the largest sample that any of them needs.
        """
        with self._lock:
            self._forget()
            living = {name: self._living(one) for name, one in self._asked.items()}
            return {name: _together(questions) for name, questions in living.items() if questions}

    def report(self, deployment: str, problem: str) -> None:
        """Say in a sentence why rows are not scored by both; an empty one when they are again."""
        with self._lock:
            asked = self._asked.get(deployment)
            if asked and self._living(asked):
                asked.problem = problem

    def problem(self, deployment: str) -> str:
        """What was reported last, also when the comparison has not been asked for since long."""
        with self._lock:
            found = self._asked.get(deployment)
            return found.problem if found else ""

    def _living(self, asked: _Asked) -> list[CompareQuestion]:
        now = self._clock()
        return [
            one.question for one in asked.asks.values() if now - one.at <= max(self._live_seconds, LOOKS * one.pause)
        ]

    def _forget(self) -> None:
        """Drop what nobody has asked for in a day."""
        oldest = self._clock() - FORGET_SECONDS
        for name, asked in list(self._asked.items()):
            asked.asks = {key: one for key, one in asked.asks.items() if one.at >= oldest}
            if not asked.asks:
                del self._asked[name]


def _together(questions: list[CompareQuestion]) -> CompareQuestion:
    return questions[-1].model_copy(update={"sample_rate": max(one.sample_rate for one in questions)})


def _parties(question: CompareQuestion) -> tuple[str, str]:
    return question.candidate.revision, question.stable.revision


def _signal(question: CompareQuestion) -> Hashable:
    """What tells the questions of different signals apart."""
    return question.loss, question.bound, question.cohort_seconds, question.sample_rate
