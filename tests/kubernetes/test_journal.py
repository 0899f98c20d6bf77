"""The journal of a cluster: the contract of every journal over its log lines, and the Events beside them."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from serinus.adapters.kubernetes_objects import MODEL_DEPLOYMENT
from serinus.core.decision import Decision, Note
from serinus.core.state import RolloutRecord
from serinus.kubernetes.cache import ObjectCache
from serinus.kubernetes.events import EventRecorder
from serinus.kubernetes.journal import ClusterJournal
from serinus.kubernetes.logging import JsonFormatter
from serinus.kubernetes.telemetry import Telemetry
from serinus.ports import Key
from tests.adapters.test_journal_contract import (  # noqa: F401  (collected here, with the `world` below)
    story,
    test_a_finished_rollout_is_kept_whole,
    test_decisions_are_kept_in_order,
    test_the_same_rollout_twice_is_kept_once,
    test_what_happens_beside_a_rollout_is_kept_with_its_numbers,
)
from tests.fakes.clock import START, FakeClock
from tests.fakes.world import KEY
from tests.kubernetes.fake_api import FakeApiServer
from tests.kubernetes.samples import deployment


class ClusterWorld:
    """A journal whose lines are caught as they would be printed."""

    def __init__(self) -> None:
        self.server, cache, self.lines = FakeApiServer(), ObjectCache(), list[dict[str, Any]]()
        cache.put(MODEL_DEPLOYMENT, self.server.put(MODEL_DEPLOYMENT, deployment(KEY.name)))
        self.telemetry = Telemetry()
        self.events = EventRecorder(self.server.api(), cache, FakeClock(), "pod", self.telemetry.event_dropped)
        self.journal = ClusterJournal(self.events, self.telemetry)

    def reasons(self, key: Key) -> list[str]:
        return [line["reason"] for line in self._lines_of(key) if "phase" in line["numbers"]]

    def notes(self, key: Key) -> list[tuple[str, dict[str, dict[str, float]]]]:
        noted = [line for line in self._lines_of(key) if "phase" not in line["numbers"]]
        return [(line["message"], line["numbers"]["evidence"]) for line in noted]

    def _lines_of(self, key: Key) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["key"] == str(key) and "record" not in line]

    def records(self, key: Key) -> list[RolloutRecord]:
        found = [line["record"] for line in self.lines if line["key"] == str(key) and "record" in line]
        return [RolloutRecord.model_validate(record) for record in found]


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = ClusterWorld()

    class Catching(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.lines.append(json.loads(self.format(record)))

    handler, logger = Catching(), logging.getLogger("serinus.kubernetes.journal")
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield made
    logger.removeHandler(handler)


def test_a_line_has_the_key_the_reason_the_sentence_and_the_numbers(
    world: ClusterWorld,
    story: tuple[list[Decision], RolloutRecord],  # noqa: F811
) -> None:
    decision = next(one for one in story[0] if one.evidence)
    world.journal.decided(KEY, START, decision)
    (line,) = world.lines
    assert (line["key"], line["reason"], line["message"]) == (str(KEY), decision.reason, decision.message)
    assert line["numbers"]["evidence"] == decision.evidence
    assert line["numbers"]["weight"] == 10
    assert line["level"] == "INFO"


def test_decisions_and_rollouts_are_counted(
    world: ClusterWorld,
    story: tuple[list[Decision], RolloutRecord],  # noqa: F811
) -> None:
    world.journal.decided(KEY, START, story[0][0])
    world.journal.finished(KEY, story[1])
    world.journal.finished(KEY, story[1])
    text = world.telemetry.text().decode()
    assert f'serinus_decisions_total{{reason="{story[0][0].reason}"}} 1.0' in text
    assert 'serinus_rollouts_finished_total{deployment="flights",namespace="ml",outcome="Promoted"} 1.0' in text


def test_an_event_tells_what_happens_and_not_what_is_waited_for(
    world: ClusterWorld,
    story: tuple[list[Decision], RolloutRecord],  # noqa: F811
) -> None:
    for decision in story[0]:
        world.journal.decided(KEY, START, decision)
    asyncio.run(world.events.flush())
    told = [body["reason"] for body in world.server.bodies]
    assert "Holding" in world.reasons(KEY)
    assert {"RolloutStarted", "WeightAccepted", "StepPassed", "AllSignalsPassed", "Promoted"} <= set(told), told
    assert not {"Holding", "WaitingForRequests", "WaitingForEvidence"} & set(told)


def test_an_event_tells_what_happens_beside_a_rollout(world: ClusterWorld) -> None:
    world.journal.noted(KEY, START, Note("Drifted", "temp has drifted", warning=True))
    asyncio.run(world.events.flush())
    (event,) = world.server.bodies
    assert (event["reason"], event["note"], event["type"]) == ("Drifted", "temp has drifted", "Warning")
    assert world.lines[0]["level"] == "WARNING"
