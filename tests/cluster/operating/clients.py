"""Clients of one deployment through the gateway: they keep sending, and remember which revision answered when."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

NO_ANSWER = 0


@dataclass(frozen=True)
class Answer:
    """`code` is 0 where the gateway did not answer; `text` says what came instead of a prediction."""

    at: float
    code: int
    revision: str = ""
    text: str = ""


@dataclass
class Clients:
    """`answers`: in the order in which they came."""

    url: str
    host: str
    per_second: float
    body: Mapping[str, object] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Send until told to stop."""
        with httpx.Client(trust_env=False, timeout=5) as client:
            while not self.stop.wait(1 / self.per_second):
                self.answers.append(self._ask(client))

    def by_revision(self, since: float = 0.0) -> Counter[str]:
        """Answers by the revision that gave them."""
        return Counter(answer.revision for answer in self.answers if answer.at >= since and answer.revision)

    def failed(self, since: float = 0.0) -> list[Answer]:
        """Every request that was answered with an error, or not at all."""
        return [answer for answer in self.answers if answer.at >= since and answer.code != 200]

    def _ask(self, client: httpx.Client) -> Answer:
        at = time.time()
        try:
            answer = client.post(self.url, headers={"Host": self.host}, json=self.body)
        except httpx.HTTPError as error:
            return Answer(at, NO_ANSWER, text=repr(error))
        try:
            content = answer.json()
            # The stub says it in a field of its own, Serinus's predictor as V2's model_version.
            revision = content.get("revision") or content.get("model_version") or ""
            return Answer(at, answer.status_code, str(revision), "" if answer.status_code == 200 else answer.text)
        except ValueError:
            return Answer(at, answer.status_code, text=answer.text)


@contextmanager
def clients(
    url: str, host: str, per_second: float = 60.0, threads: int = 2, body: Mapping[str, object] | None = None
) -> Iterator[Clients]:
    """Clients that send while the block lasts."""
    sending = Clients(url, host, per_second / threads, body or {})
    running = [threading.Thread(target=sending.run, daemon=True) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield sending
    finally:
        sending.stop.set()
        for thread in running:
            thread.join(10)
