"""The history of decisions and rollouts in a cluster (port Journal): a log line for each, and an Event where something happens."""

import logging
from collections import OrderedDict
from datetime import datetime
from typing import Final

from serinus.core import reasons
from serinus.core.decision import Decision, Note
from serinus.core.state import Phase, RolloutRecord
from serinus.kubernetes.events import EventRecorder
from serinus.kubernetes.telemetry import Telemetry
from serinus.ports import Key

log = logging.getLogger(__name__)

WAITING: Final = frozenset({reasons.HOLDING, reasons.WAITING_FOR_REQUESTS, reasons.WAITING_FOR_EVIDENCE})
WARNINGS: Final = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.FAILED})
REMEMBERED: Final = 4096


class ClusterJournal:
    """Never fails: what cannot be written is counted, and the status has it too."""

    def __init__(self, events: EventRecorder, telemetry: Telemetry) -> None:
        self._events = events
        self._telemetry = telemetry
        self._finished: OrderedDict[tuple[Key, str], None] = OrderedDict()

    def decided(self, key: Key, at: datetime, decision: Decision) -> None:
        """See the port."""
        state = decision.next_state
        rollout = state.rollout
        numbers = {
            "phase": str(state.phase),
            "stable": state.stable.label if state.stable else None,
            "candidate": rollout.candidate.label if rollout else None,
            "rolloutId": rollout.id if rollout else None,
            "weight": rollout.weight if rollout else None,
            "mirror": rollout.mirror if rollout else None,
            "evidence": decision.evidence,
            "at": at.isoformat(),
        }
        log.info(decision.message, extra={"key": str(key), "reason": decision.reason, "numbers": numbers})
        self._telemetry.decided(decision.reason)
        if decision.reason in WAITING:
            return  # the status says so; an Event is for what happens
        warning = state.phase in WARNINGS or decision.reason == decision.trouble
        self._events.tell(key, decision.reason, decision.message, warning=warning, action=str(state.phase))

    def noted(self, key: Key, at: datetime, note: Note) -> None:
        """See the port."""
        numbers = {"evidence": {name: dict(values) for name, values in note.numbers.items()}, "at": at.isoformat()}
        level = logging.WARNING if note.warning else logging.INFO
        log.log(level, note.message, extra={"key": str(key), "reason": note.reason, "numbers": numbers})
        self._telemetry.decided(note.reason)
        self._events.tell(key, note.reason, note.message, warning=note.warning, action="Observe")

    def finished(self, key: Key, record: RolloutRecord) -> None:
        """See the port."""
        if (key, record.id) in self._finished:
            return
        self._finished[key, record.id] = None
        while len(self._finished) > REMEMBERED:
            self._finished.popitem(last=False)
        message = f"rollout {record.id} ended {record.outcome}: {record.message}"
        content = record.model_dump(mode="json", by_alias=True)
        log.info(message, extra={"key": str(key), "reason": record.reason, "record": content})
        self._telemetry.finished(key, record.outcome)
