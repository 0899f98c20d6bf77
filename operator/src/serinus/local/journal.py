"""The history of decisions and rollouts in files (port Journal)."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from serinus.core.decision import Decision, Note
from serinus.core.errors import StateUnwritable
from serinus.core.state import RolloutRecord
from serinus.local.files import atomic_write_text
from serinus.local.folder import StateFolder
from serinus.ports import Key


class FileJournal:
    """Decisions as JSON lines, finished rollouts as one JSON file each."""

    def __init__(self, folder: StateFolder) -> None:
        self._folder = folder

    def decided(self, key: Key, at: datetime, decision: Decision) -> None:
        """Append one decision. Raises StateUnwritable."""
        state = decision.next_state
        line = {
            "at": at.isoformat(),
            "phase": state.phase,
            "reason": decision.reason,
            "message": decision.message,
            "stable": state.stable.artifact.version if state.stable else None,
            "candidate": state.rollout.candidate.artifact.version if state.rollout else None,
            "weight": state.rollout.weight if state.rollout else None,
            "mirror": state.rollout.mirror if state.rollout else None,
            "evidence": decision.evidence,
        }
        _append(self._folder.decisions(key), json.dumps(line) + "\n")

    def noted(self, key: Key, at: datetime, note: Note) -> None:
        """Append a line among the decisions, without a phase. Raises StateUnwritable."""
        evidence = {name: dict(values) for name, values in note.numbers.items()}
        line = {
            "at": at.isoformat(),
            "phase": None,
            "reason": note.reason,
            "message": note.message,
            "evidence": evidence,
        }
        _append(self._folder.decisions(key), json.dumps(line) + "\n")

    def finished(self, key: Key, record: RolloutRecord) -> None:
        """Keep a finished rollout; its id names the file, so twice is once. Raises StateUnwritable."""
        path = self._folder.rollouts(key) / f"{record.id}.json"
        atomic_write_text(path, record.model_dump_json(by_alias=True, indent=1))


def read_decisions(path: Path) -> list[dict[str, Any]]:
    """Every whole line of a journal, oldest first; a line that a crash cut off is left out."""
    if not path.exists():
        return []
    return [decision for line in path.read_text(encoding="utf-8").splitlines() if (decision := _whole(line))]


def read_records(folder: Path) -> list[RolloutRecord]:
    """Every finished rollout in a folder, oldest first."""
    records = [RolloutRecord.model_validate_json(path.read_bytes()) for path in folder.glob("*.json")]
    return sorted(records, key=lambda record: record.started_at)


def _whole(line: str) -> dict[str, Any] | None:
    try:
        decision: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return decision


def _append(path: Path, line: str) -> None:
    """Append a line, on a line of its own even where a crash has cut off the one before."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - 1))
            file.write((b"" if file.read(1) in (b"", b"\n") else b"\n") + line.encode())
    except OSError as error:
        raise StateUnwritable(f"cannot write {path}: {error.strerror}; free some space or make it writable") from error
