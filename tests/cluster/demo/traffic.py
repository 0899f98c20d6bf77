"""Clients of the demo: real flights, sent through the gateway at a steady pace, and what came of each."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

import httpx

REQUESTS_FILE = "requests.jsonl"  # one body a line
NO_ANSWER = 0
THREADS = 4
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Answer:
    """`revision`: that which says it has answered; errors do not say. `code` is 0 where no answer came."""

    code: int
    seconds: float
    revision: str = ""
    text: str = ""


@dataclass
class Traffic:
    """`answers`: in the order in which they came."""

    url: str
    host: str
    answers: list[Answer] = field(default_factory=list)

    @property
    def codes(self) -> Counter[int]:
        """How many answers of each code there were so far."""
        return Counter(answer.code for answer in self.answers)

    @property
    def by_revision(self) -> Counter[str]:
        """Predictions by the revision that has made them."""
        return Counter(answer.revision for answer in self.answers if answer.revision)

    @property
    def failures(self) -> list[Answer]:
        """Everything that was no prediction."""
        return [answer for answer in self.answers if answer.code != httpx.codes.OK]

    def asks_well(self, body: str) -> bool:
        """Whether one request, which is not counted, is answered by a prediction."""
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            return self._ask(client, body).code == httpx.codes.OK

    def send(self, bodies: Sequence[str], per_second: float, stop: threading.Event) -> None:
        """Send one after the other until told to stop."""
        due = time.monotonic()
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as client:
            for body in cycle(bodies):
                due = max(due + 1 / per_second, time.monotonic() - 1.0)  # after a hiccup, catch up by one second
                if stop.wait(max(0.0, due - time.monotonic())):
                    return
                self.answers.append(self._ask(client, body))

    def _ask(self, client: httpx.Client, body: str) -> Answer:
        began = time.monotonic()
        headers = {"Host": self.host, "Content-Type": "application/json"}
        try:
            got = client.post(self.url, headers=headers, content=body)
        except httpx.HTTPError as error:
            return Answer(NO_ANSWER, time.monotonic() - began, text=repr(error))
        seconds = time.monotonic() - began
        if got.status_code != httpx.codes.OK:
            return Answer(got.status_code, seconds, text=got.text)
        return Answer(got.status_code, seconds, revision=json.loads(got.text)["model_version"])


@contextmanager
def sending(traffic: Traffic, bodies: Sequence[str], per_second: float) -> Iterator[None]:
    """Clients send while the block lasts, and have their last answers when it is over."""
    stop = threading.Event()
    shares = [bodies[number::THREADS] for number in range(THREADS)]
    running = [
        threading.Thread(target=traffic.send, args=(share, per_second / THREADS, stop), daemon=True) for share in shares
    ]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join(TIMEOUT_SECONDS)
