"""Clients that send rows as in training, or rows that shift, and tell what was right."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.local.support.models import MODEL
from tests.local.support.programs import KEY, Runtime

ROWS = 25
WINDOW_SECONDS = 6
WATCHED = f"""\
  monitoring:
    drift: {{window: {WINDOW_SECONDS}s, minSamples: 300}}
"""


@dataclass
class Rows:
    """Sends batches to `url`, each row's distance `longer` by as much. `failed`: answers that were no predictions.

    Where there is a `collector`, it is told each row's label, which is the opposite of the truth where `wrong`.
    """

    url: str
    longer: float = 0.0
    collector: str = ""
    wrong: bool = False
    failed: list[str] = field(default_factory=list)
    answered: int = 0

    def send(self, stop: threading.Event) -> None:
        """Until told to stop."""
        drawn = random.Random(5)
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not stop.wait(0.05):
                rows, name = [self._row(drawn) for _ in range(ROWS)], f"batch-{self.answered}"
                try:
                    answer = client.post(self.url, json={"instances": rows}, headers={"x-request-id": name})
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))
                    continue
                self.answered += answer.status_code == 200
                if answer.status_code != 200:
                    self.failed.append(answer.text)
                elif self.collector:
                    self._tell_labels(client, name, rows)

    def _row(self, drawn: random.Random) -> dict[str, Any]:
        distance = drawn.gammavariate(2, 100) + self.longer
        return {"distance": distance, "wind": drawn.gauss(10, 3), "stops": drawn.randrange(4)}

    def _tell_labels(self, client: httpx.Client, name: str, rows: list[dict[str, Any]]) -> None:
        right = [row["distance"] / 200 + row["wind"] / 10 > 2 for row in rows]  # as the models were trained
        labels = [
            {"requestId": f"{name}/{index}", "label": int(label is not self.wrong)} for index, label in enumerate(right)
        ]
        answer = client.post(f"{self.collector}/v1/labels", json={"deployment": str(KEY), "labels": labels})
        if answer.status_code != 200:
            self.failed.append(answer.text)


@contextmanager
def sending(runtime: Runtime, collector: str = "") -> Iterator[Rows]:
    """Rows that are sent while the block lasts."""
    rows = Rows(f"http://127.0.0.1:{runtime.port}/v1/models/{MODEL}:predict", collector=collector)
    stop = threading.Event()
    thread = threading.Thread(target=rows.send, args=(stop,), daemon=True)
    thread.start()
    try:
        yield rows
    finally:
        stop.set()
        thread.join(60)
