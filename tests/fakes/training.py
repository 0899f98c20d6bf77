"""A training file and a collector in memory."""

from dataclasses import dataclass, field

from serinus.core.errors import SerinusError
from serinus.core.pipeline_run import Training
from serinus.core.quality import CompareQuestion, Comparison, Watched, WatchQuestion
from serinus.ports import Key


@dataclass
class FakeTrainings:
    """Implements serinus.ports.TrainingSource. `error` is raised instead, while it is set."""

    training: Training
    error: SerinusError | None = None
    reads: int = 0

    async def read(self, key: Key, pipeline: str) -> Training:
        self.reads += 1
        if self.error:
            raise self.error
        return self.training


@dataclass
class FakeQuality:
    """Implements serinus.ports.QualitySource. `answers` by the question's revision; nothing is known of others."""

    answers: dict[str, Watched] = field(default_factory=dict)
    error: SerinusError | None = None
    asked: list[WatchQuestion] = field(default_factory=list)

    async def compare(self, key: Key, question: CompareQuestion) -> Comparison:
        raise NotImplementedError

    async def watch(self, key: Key, question: WatchQuestion) -> Watched:
        self.asked.append(question)
        if self.error:
            raise self.error
        return self.answers.get(question.revision, Watched(at=question.since))
