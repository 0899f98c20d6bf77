"""Sending labels to the collector in batches, as fast as it takes them."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import httpx

from serinus.cli.labelling.tables import Row
from serinus.core.errors import QualityUnavailable, SpecInvalid

BUSY: Final = frozenset({429, 502, 503, 504})
MAX_SHOWN: Final = 20
TIMEOUT: Final = httpx.Timeout(60.0, connect=5.0)


@dataclass
class Summary:
    """What became of the labels. `shown`: the first sentences about single rows."""

    sent: int = 0
    skipped: int = 0
    problems: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)


def post(
    rows: Iterable[Row],
    collector: str,
    deployment: str,
    *,
    batch: int,
    patience_seconds: float,
    progress: Callable[[int], None],
) -> Summary:
    """Send all of them. Raises SpecInvalid (the collector refuses the request), QualityUnavailable (it is away)."""
    summary = Summary()
    with httpx.Client(base_url=collector, timeout=TIMEOUT) as client:
        left = iter(rows)
        while some := list(islice(left, batch)):
            labels = [row for row in some if row.label is not None]
            summary.skipped += len(some) - len(labels)
            if labels:
                answer = _sent(client, deployment, labels, patience_seconds, summary.sent)
                _add(summary, labels, answer)
                progress(summary.sent)
    return summary


def _sent(
    client: httpx.Client, deployment: str, labels: Sequence[Row], patience_seconds: float, before: int
) -> dict[str, Any]:
    body = {"deployment": deployment, "labels": [_item(row) for row in labels]}
    until = time.monotonic() + patience_seconds
    while True:
        wait, trouble = 1.0, ""
        try:
            answer = client.post("/v1/labels", json=body)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            trouble = str(error) or type(error).__name__
        else:
            if answer.status_code not in BUSY:
                return _checked(answer)
            trouble, wait = f"answers {answer.status_code}", float(answer.headers.get("retry-after", wait))
        if time.monotonic() + wait > until:
            raise QualityUnavailable(
                f"collector {client.base_url} does not take labels ({trouble}); it has {before:,} of them: give its address "
                "by --collector and run this again, what it has are duplicates then"
            )
        time.sleep(wait)


def _item(row: Row) -> dict[str, Any]:
    item: dict[str, Any] = {"requestId": row.request_id, "label": row.label}
    return item if row.time is None else item | {"time": row.time}


def _checked(answer: httpx.Response) -> dict[str, Any]:
    """The outcomes. Raises SpecInvalid where the request as a whole is refused, or it was no collector that answered."""
    try:
        content = answer.json()
        if "outcomes" in content:
            return dict(content)
        said = content["error"]
    except (ValueError, KeyError, TypeError):
        said = f"{answer.url} answered {answer.status_code}, and not as a collector does; correct --collector"
    raise SpecInvalid(str(said))


def _add(summary: Summary, labels: Sequence[Row], answer: dict[str, Any]) -> None:
    summary.sent += len(labels)
    summary.outcomes.update(answer["outcomes"])
    summary.problems += len(answer["problems"]) + answer.get("moreProblems", 0)
    for problem in answer["problems"][: MAX_SHOWN - len(summary.shown)]:
        row = labels[problem["index"]]
        summary.shown.append(f'row {row.number}, request "{row.request_id[:70]}": {problem["problem"]}')
