"""What a demo leaves for programs: `summary.json`, described in docs/summary.md.

`python -m serinus.demo.summary > docs/schemas/summary.schema.json` writes its JSON schema.
"""

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field

from serinus.core.analysis.counts import is_failure
from serinus.core.model import Frozen
from serinus.core.state import Outcome, RolloutRecord

Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Real = Annotated[float, Field(allow_inf_nan=False)]

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"


class Machine(Frozen):
    """Where the demo ran."""

    cores: Annotated[int, Field(ge=1, description="Processor cores the demo could use.")]
    python: str = Field(description="Version of Python, for example 3.11.9.")


class Training(Frozen):
    """One run of the training pipeline."""

    version: str | None = Field(description="Registered version, or null when the run ended without one.")
    outcome: str = Field(description="How the run ended, in one word.")
    message: str = Field(description="Why, in a sentence.")
    metrics: dict[str, Real] = Field(
        description="Metrics of the chosen model on the held-out rows, by name; none of a run that a trigger started."
    )
    seconds: Amount = Field(description="Duration.")


class Client(Frozen):
    """What the client that sent the requests saw."""

    requests: Count = Field(description="Requests sent, each answered or given up.")
    failed: Count = Field(
        description="Requests that failed: 5xx, 4xx other than 401, 403 and 429, refused connections, timeouts."
    )
    failed_by_code: dict[str, Count] = Field(
        description="Failed requests by status code; code 0 is a refused connection or a timeout."
    )
    p50_ms: Amount | None = Field(description="Median latency in milliseconds, or null without requests.")
    p99_ms: Amount | None = Field(description="99th percentile of latency in milliseconds, or null without requests.")


class Weight(Frozen):
    """A change of the candidate's weight."""

    at: AwareDatetime = Field(description="When it was asked for (UTC).")
    weight: Annotated[
        int, Field(ge=0, le=100, description="Percent of the requests that go to the candidate from then on.")
    ]


class Signal(Frozen):
    """A signal's verdict when its rollout ended."""

    name: str = Field(description="Name of the signal in the ModelDeployment.")
    verdict: str = Field(description="Pass, Fail, Inconclusive or Error.")
    reason: str = Field(description="Why, in one word.")
    message: str = Field(description="Why, in a sentence.")
    numbers: dict[str, Real] = Field(
        description="The numbers behind the verdict, by name; those that are not finite are left out."
    )


class RolloutSummary(Frozen):
    """One finished rollout."""

    id: str = Field(description="Identifies the rollout in journal, registry and report.")
    from_version: str = Field(alias="from", description="Stable's version.")
    to_version: str = Field(alias="to", description="The candidate's version.")
    outcome: Outcome = Field(description="How it ended.")
    reason: str = Field(description="Why, in one word.")
    message: str = Field(description="Why, in a sentence.")
    started_at: AwareDatetime = Field(description="When it began (UTC).")
    seconds: Amount = Field(description="Duration, from the start until the traffic had settled.")
    weights: tuple[Weight, ...] = Field(
        description="The candidate's weight over time, oldest first; 0 before the first."
    )
    signals: tuple[Signal, ...] = Field(description="Every signal's verdict at the end.")
    requests_to_candidate: Count = Field(description="Requests that the candidate got during the rollout.")
    failed_by_candidate: Count = Field(description="Of these, the failed ones.")
    requests_to_stable: Count = Field(description="Requests that stable got during the rollout.")
    failed_by_stable: Count = Field(description="Of these, the failed ones.")


class Summary(Frozen):
    """What a demo did and what came of it."""

    schema_version: Literal[1] = Field(default=1, description="Version of this format.")
    deployment: str = Field(description="The ModelDeployment, as namespace/name.")
    started_at: AwareDatetime = Field(description="When the demo began (UTC).")
    seconds: Amount = Field(description="Duration of the demo.")
    machine: Machine
    trainings: tuple[Training, ...] = Field(
        description="Runs of the training pipeline: those asked for, then those that a trigger started."
    )
    client: Client
    rollouts: tuple[RolloutSummary, ...] = Field(description="Finished rollouts, oldest first.")
    unexplained_failures: Count = Field(
        description="Requests that failed for the client and were not answered by a version that was rolled back."
    )
    quarantined: tuple[str, ...] = Field(description="Versions that get no traffic again until `serinus retry`.")
    champion: str | None = Field(description="The version that the promoted alias points at, or null if there is none.")


def summarise(
    records: Iterable[RolloutRecord],
    *,
    deployment: str,
    started_at: datetime,
    seconds: float,
    machine: Machine,
    trainings: Iterable[Training],
    client: Client,
    quarantined: Iterable[str],
    champion: str | None,
) -> Summary:
    """The summary of a demo whose finished rollouts are `records`, in any order."""
    rollouts = tuple(map(rollout_summary, sorted(records, key=lambda record: record.started_at)))
    return Summary(
        deployment=deployment,
        started_at=started_at,
        seconds=seconds,
        machine=machine,
        trainings=tuple(trainings),
        client=client,
        rollouts=rollouts,
        unexplained_failures=unexplained_failures(client, rollouts),
        quarantined=tuple(quarantined),
        champion=champion,
    )


def client_summary(answers: Mapping[int, int], latencies: Iterable[float]) -> Client:
    """The client's view, from its requests per status code (0: no answer came) and the latency of each in seconds."""
    failed = {str(code): count for code, count in sorted(answers.items()) if count and is_failure(code)}
    ordered = sorted(1000 * seconds for seconds in latencies)
    return Client(
        requests=sum(answers.values()),
        failed=sum(failed.values()),
        failed_by_code=failed,
        p50_ms=percentile(ordered, 50),
        p99_ms=percentile(ordered, 99),
    )


def rollout_summary(record: RolloutRecord) -> RolloutSummary:
    """A rollout without its evidence curve."""
    return RolloutSummary(
        id=record.id,
        from_version=record.from_version,
        to_version=record.to_version,
        outcome=record.outcome,
        reason=record.reason,
        message=record.message,
        started_at=record.started_at,
        seconds=(record.ended_at - record.started_at).total_seconds(),
        weights=tuple(Weight(at=change.at, weight=change.weight) for change in record.weights),
        signals=tuple(
            Signal(
                name=signal.name,
                verdict=signal.verdict,
                reason=signal.reason,
                message=signal.message,
                numbers={name: number for name, number in signal.numbers.items() if math.isfinite(number)},
            )
            for signal in record.signals
        ),
        requests_to_candidate=record.candidate_requests,
        failed_by_candidate=record.candidate_failed,
        requests_to_stable=record.stable_requests,
        failed_by_stable=record.stable_failed,
    )


def unexplained_failures(client: Client, rollouts: Iterable[RolloutSummary]) -> int:
    """The client's failures less those that a version answered which was rolled back for it."""
    explained = sum(rollout.failed_by_candidate for rollout in rollouts if rollout.outcome is Outcome.ROLLED_BACK)
    return max(0, client.failed - explained)


def percentile(ordered: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile of ascending values, or None without any."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(percent * len(ordered) / 100) - 1)]


def summary_json(summary: Summary) -> str:
    """The text of summary.json."""
    return summary.model_dump_json(by_alias=True, indent=2) + "\n"


def schema_json() -> str:
    """The JSON schema of summary.json."""
    schema = Summary.model_json_schema(by_alias=True, mode="serialization")
    return json.dumps({"$schema": SCHEMA, **schema}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_json())
