"""The thread that posts prediction events to the collector, in batches, again until they are taken."""

import logging
import random
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic, sleep
from typing import Any, Final

import httpx
import orjson

from serinus.predictor.events import Answered, EventWriter
from serinus.predictor.outbox import Outbox

logger = logging.getLogger("serinus.predictor")

BATCH_ROWS: Final = 500
# How long events wait for others to be sent with.
PAUSE_SECONDS: Final = 0.5
FIRST_RETRY_SECONDS: Final = 0.5
LONGEST_RETRY_SECONDS: Final = 30.0
ANSWER_SECONDS: Final = 10.0
# Requests in flight may have taken 25 s of the 30 s that a pod has to end.
FLUSH_SECONDS: Final = 4.0
HURRIED_SECONDS: Final = 0.25
# Something is wrong with the events themselves; whatever else is answered may pass, or a person may mend it.
REFUSED: Final = frozenset({400, 413, 422})


class EventSender:
    """Sends what waits in `outbox`. An event has the same ids however often it is sent, so it is kept once."""

    def __init__(
        self, url: str, about: dict[str, str], outbox: Outbox, writer: EventWriter,
        transport: httpx.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        self._url = f"{url}/v1/predictions"
        self._about = about
        self._outbox = outbox
        self._writer = writer
        self._client = httpx.Client(timeout=ANSWER_SECONDS, trust_env=False, transport=transport)
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._silent = False
        self._refused: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="prediction events", daemon=True)

    def start(self) -> None:
        """Begin to send in the background."""
        self._thread.start()

    def close(self, seconds: float = FLUSH_SECONDS) -> None:
        """Send what still waits, for at most `seconds`; what is left then is dropped and said."""
        self._give_up_at = monotonic() + seconds
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(seconds)
        left = self._outbox.take(2**31)
        self._outbox.settle(left, dropped="shutdown")
        if lost := self._outbox.dropped["shutdown"]:
            logger.warning("%d predictions could not be sent to %s before the end", lost, self._url)

    def _run(self) -> None:
        while not self._closing.wait(PAUSE_SECONDS):
            self._send_all()
        self._send_all()

    def _send_all(self) -> None:
        while taken := self._outbox.take(BATCH_ROWS):
            self._deliver(taken)

    def _deliver(self, taken: list[Answered]) -> None:
        """Post until the collector has taken or refused it, or there is no time left."""
        delay = FIRST_RETRY_SECONDS
        try:
            content = self._content(taken)
        except (TypeError, ValueError) as error:  # text that is no Unicode, which JSON does not carry
            self._refuse(taken, f"{type(error).__name__}: {error}")
            return
        while True:
            answer = self._post(content)
            if isinstance(answer, httpx.Response) and answer.is_success:
                self._silent = False
                self._outbox.settle(taken)
                return
            if isinstance(answer, httpx.Response) and answer.status_code in REFUSED:
                self._refuse(taken, f"{answer.status_code}: {answer.text[:300]}")
                return
            self._tell_silence(answer)
            wait = _asked_for(answer) or delay * random.uniform(0.5, 1.0)  # noqa: S311 - no secret
            if not self._pause(wait):
                self._outbox.settle(taken, dropped="shutdown")
                return
            delay = min(LONGEST_RETRY_SECONDS, 2 * delay)

    def _content(self, taken: list[Answered]) -> bytes:
        events: list[dict[str, Any]] = []
        for answered in taken:
            events += self._writer.events(answered)
        return orjson.dumps(self._about | {"events": events})

    def _post(self, content: bytes) -> httpx.Response | httpx.HTTPError:
        timeout = max(0.1, min(ANSWER_SECONDS, self._give_up_at - monotonic()))
        try:
            return self._client.post(
                self._url, content=content, headers={"content-type": "application/json"}, timeout=timeout
            )
        except httpx.HTTPError as error:
            return error

    def _refuse(self, taken: list[Answered], said: str) -> None:
        """One bad event must not take the others with it, nor a batch that is too large."""
        if len(taken) > 1:
            middle = len(taken) // 2
            self._deliver(taken[:middle])
            self._deliver(taken[middle:])
            return
        self._outbox.settle(taken, dropped="refused")
        if said not in self._refused and len(self._refused) < 20:
            self._refused.add(said)
            logger.error("a prediction is not logged, %s does not take it (said once): %s", self._url, said)

    def _pause(self, seconds: float) -> bool:
        """Wait; False if that would take longer than there is time."""
        left = self._give_up_at - monotonic()
        if seconds >= left:
            return False
        self._closing.wait(seconds)
        if self._closing.is_set():  # little time is left, so it is asked sooner, but not in a tight loop
            sleep(min(seconds, HURRIED_SECONDS))
        return monotonic() < self._give_up_at

    def _tell_silence(self, answer: httpx.Response | httpx.HTTPError) -> None:
        """Once for each time that it goes away."""
        if not self._silent:
            said = answer.status_code if isinstance(answer, httpx.Response) else str(answer) or type(answer).__name__
            logger.warning(
                "%s does not take predictions (%s); they wait, and are dropped when too many", self._url, said
            )
        self._silent = True


def _asked_for(answer: httpx.Response | httpx.HTTPError) -> float:
    """The Retry-After of an answer in seconds, at most LONGEST_RETRY_SECONDS; 0 where there is none (RFC 9110, 10.2.3)."""
    text = answer.headers.get("retry-after", "") if isinstance(answer, httpx.Response) else ""
    try:
        seconds = float(text) if text.isdecimal() else (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(LONGEST_RETRY_SECONDS, max(0.0, seconds))
