"""Clients whose requests have ids, and whoever learns what became of each and posts it to the collector as a label."""

import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import httpx

from tests.local.support.models import truth

Row = dict[str, Any]
TIMEOUT_SECONDS = 10
LABELS_SECONDS = 0.5  # between two batches of labels


class Clients:
    """`rows` is what they send from the next round on, `labelling` whether labels come. `failed`: what was no prediction."""

    def __init__(self, url: str, host: str, collector: str, deployment: str, rows: Sequence[Row]) -> None:
        self._url, self._host, self._collector, self._deployment = url, host, collector, deployment
        self.rows = rows
        self.labelling = True
        self.answered = 0
        self.failed: list[str] = []
        self._known: deque[tuple[str, int]] = deque()
        self.stop = threading.Event()

    def send(self, per_second: float) -> None:
        """One request after the other, until told to stop."""
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            while not self.stop.is_set():
                for row in cycle(rows := self.rows):
                    if self.stop.wait(1 / per_second) or self.rows is not rows:
                        break
                    self._ask(client, row)

    def _ask(self, client: httpx.Client, row: Row) -> None:
        name = uuid.uuid4().hex
        headers = {"Host": self._host, "X-Request-Id": name}
        try:
            answer = client.post(self._url, headers=headers, json={"instances": [row]})
        except httpx.HTTPError as error:
            self.failed.append(repr(error))
            return
        if answer.status_code != httpx.codes.OK:
            self.failed.append(f"{answer.status_code} {answer.text}")
            return
        self.answered += 1
        if self.labelling:
            self._known.append((name, truth(row)))

    def label(self) -> None:
        """Post what is known, until told to stop."""
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            while not self.stop.wait(LABELS_SECONDS):
                known = [self._known.popleft() for _ in range(len(self._known))]
                labels = [{"requestId": name, "label": label} for name, label in known]
                if labels:
                    body = {"deployment": self._deployment, "labels": labels}
                    client.post(f"{self._collector}/v1/labels", json=body).raise_for_status()


@contextmanager
def sending(clients: Clients, per_second: float, threads: int = 4) -> Iterator[Clients]:
    """They send, and labels are posted, while the block lasts."""
    running = [threading.Thread(target=clients.send, args=(per_second / threads,)) for _ in range(threads)]
    running.append(threading.Thread(target=clients.label))
    for thread in running:
        thread.start()
    try:
        yield clients
    finally:
        clients.stop.set()
        for thread in running:
            thread.join(TIMEOUT_SECONDS)
