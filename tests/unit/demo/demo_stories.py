"""Rollout records and summaries to test with."""

import math
from datetime import UTC, datetime, timedelta

from serinus.core.state import EvidencePoint, Outcome, RolloutRecord, SignalResult, WeightChange
from serinus.demo.summary import Machine, Summary, Training, client_summary, summarise

BEGAN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HARM_NEEDED, SAFETY_NEEDED = 80.0, 20.0


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def point(begin: float, seconds: float, weight: int, harm: float, safety: float) -> EvidencePoint:
    """Log10 evidence of the two compared signals; availability has evidence of harm only."""
    compared = {
        "harmEvidence": 10**harm,
        "harmNeeded": HARM_NEEDED,
        "safetyEvidence": 10**safety,
        "safetyNeeded": SAFETY_NEEDED,
    }
    quiet = {**compared, "harmEvidence": 10 ** min(harm, -0.3), "safetyEvidence": 10 ** (0.1 * seconds)}
    return EvidencePoint(
        at=after(begin + seconds),
        weight=weight,
        candidate_requests=int(6 * seconds),
        candidate_failed=int(max(0.0, harm)),
        stable_requests=int(54 * seconds),
        stable_failed=0,
        signals={
            "errors": compared,
            "latency": quiet,
            "availability": {"harmEvidence": 10**-0.2, "harmNeeded": HARM_NEEDED, "readyIntervals": seconds},
        },
    )


def record(begin: float = 20.0, to: str = "3", **changes: object) -> RolloutRecord:
    """A candidate that failed 18 of 120 requests and was rolled back after 20 seconds."""
    values: dict[str, object] = {
        "id": f"flight-delay-{to}",
        "attempt": 1,
        "model": "flight-delay",
        "from_version": "2",
        "to_version": to,
        "revision": f"r{to}",
        "outcome": Outcome.ROLLED_BACK,
        "reason": "ErrorsIncreased",
        "message": "candidate failed 18 of 120 requests (15.0 %), stable 0 of 1,080 (0.0 %)",
        "started_at": after(begin),
        "ended_at": after(begin + 20),
        "weights": tuple(WeightChange(at=after(begin + s), weight=w) for s, w in ((3, 10), (17, 0))),
        "signals": (signal(),),
        "candidate_requests": 120,
        "candidate_failed": 18,
        "stable_requests": 1080,
        "stable_failed": 0,
        "curve": tuple(point(begin, float(s), 10, 0.25 * (s - 6), -0.3 * (s - 5)) for s in range(4, 18)),
    }
    return RolloutRecord.model_validate(values | changes)


def signal(**changes: object) -> SignalResult:
    values: dict[str, object] = {
        "name": "errors",
        "type": "Errors",
        "verdict": "Fail",
        "reason": "ErrorsIncreased",
        "message": "candidate failed 18 of 120 requests (15.0 %); evidence 400 to 1, needs 80 to 1",
        "numbers": {"harmEvidence": 400.0, "harmNeeded": 80.0, "bound": math.inf},
    }
    return SignalResult.model_validate(values | changes)


def promoted(begin: float = 20.0) -> RolloutRecord:
    """A good candidate: version 2 replaces version 1."""
    return record(
        begin,
        "2",
        from_version="1",
        outcome=Outcome.PROMOTED,
        reason="AllSignalsPassed",
        message="every required signal shows no harm",
        ended_at=after(begin + 24),
        weights=tuple(WeightChange(at=after(begin + s), weight=w) for s, w in ((3, 10), (10, 50), (20, 100))),
        signals=(
            signal(verdict="Pass", reason="ErrorsNotIncreased", message="no harm: evidence 63 to 1, needs 20 to 1"),
        ),
        candidate_failed=0,
        curve=tuple(point(begin, float(s), 10 if s < 10 else 50, -0.05 * s, 0.09 * s) for s in range(4, 21)),
    )


def story(*records: RolloutRecord, **changes: object) -> Summary:
    values: dict[str, object] = {
        "deployment": "default/flight-delay",
        "started_at": BEGAN,
        "seconds": 98.4,
        "machine": Machine(cores=2, python="3.11.9"),
        "trainings": (
            Training(version="1", outcome="Registered", message="first version", metrics={"auc": 0.7312}, seconds=6.1),
        ),
        "client": client_summary({200: 5982, 500: 18}, [0.004] * 5900 + [0.02] * 100),
        "quarantined": ("3",),
        "champion": "2",
    }
    return summarise(records, **(values | changes))  # type: ignore[arg-type]
