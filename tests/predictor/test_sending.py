import threading
from collections.abc import Callable

import httpx
import orjson

from serinus.predictor import sending
from serinus.predictor.events import EventWriter
from serinus.predictor.outbox import Outbox
from serinus.predictor.sending import EventSender
from tests.predictor.support import wait_until
from tests.predictor.test_events import COLUMNS, ROWS, answered, settings

ABOUT = {"deployment": "ml/flights", "model": "flights", "revision": "r1", "version": "7"}


class Collector:
    """Answers as it is told, the last answer for ever, and remembers what it was sent."""

    def __init__(self, *answers: httpx.Response | Exception | Callable[[list[str]], httpx.Response]) -> None:
        self.answers = list(answers) or [httpx.Response(202)]
        self.bodies: list[dict] = []
        self.asked = threading.Event()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(orjson.loads(request.content))
        self.asked.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return (
            answer(self.ids()[-1]) if callable(answer) else httpx.Response(answer.status_code, headers=answer.headers)
        )

    def ids(self) -> list[list[str]]:
        return [[event["requestId"] for event in body["events"]] for body in self.bodies]


def sender_to(collector: Collector, outbox: Outbox) -> EventSender:
    transport = httpx.MockTransport(collector)
    return EventSender("http://collector", ABOUT, outbox, EventWriter(COLUMNS, settings()), transport)


def filled(count: int) -> Outbox:
    outbox = Outbox()
    for index in range(count):
        outbox.put(answered(request_id=f"q{index}"))
    return outbox


def waits(monkeypatch) -> list[float]:
    """Makes pauses no time, and tells how long they would have been."""
    found: list[float] = []
    monkeypatch.setattr(EventSender, "_pause", lambda _, seconds: not found.append(seconds))
    return found


def test_what_waits_is_sent_in_batches_that_say_whose_it_is():
    collector, outbox = Collector(), filled(400)
    sender = sender_to(collector, outbox)
    sender.start()
    wait_until(lambda: outbox.sent == 800)
    sender.close()
    assert [len(ids) for ids in collector.ids()] == [500, 300]
    assert {name: collector.bodies[0][name] for name in ABOUT} == ABOUT


def test_a_batch_that_was_not_taken_is_sent_again_with_the_same_ids(monkeypatch):
    pauses = waits(monkeypatch)
    collector = Collector(httpx.ConnectError("gone"), httpx.Response(503), httpx.Response(202))
    outbox = filled(2)
    sender_to(collector, outbox)._send_all()
    assert collector.ids() == [["q0/0", "q0/1", "q1/0", "q1/1"]] * 3
    assert outbox.sent == 4
    assert 0.25 <= pauses[0] <= 0.5 <= pauses[1] <= 1.0


def test_a_collector_that_is_full_is_asked_again_when_it_says(monkeypatch):
    pauses = waits(monkeypatch)
    later = "Fri, 31 Dec 2100 23:59:59 GMT"
    full = [httpx.Response(429, headers={"retry-after": after}) for after in ("7", later, "soon", "-1")]
    sender_to(Collector(*full, httpx.Response(202)), filled(1))._send_all()
    assert pauses[:2] == [7.0, sending.LONGEST_RETRY_SECONDS]
    assert all(0 < pause < 30 for pause in pauses[2:])


def test_one_refused_prediction_does_not_take_the_others_with_it(monkeypatch, caplog):
    collector = Collector(lambda ids: httpx.Response(400 if "q3/0" in ids else 202, text="time: not a time"))
    outbox = filled(8)
    sender_to(collector, outbox)._send_all()
    assert (outbox.sent, outbox.dropped) == (14, {"refused": 2})
    assert "time: not a time" in caplog.text


def test_text_that_json_cannot_carry_costs_its_own_request_only(caplog):
    outbox = filled(2)
    outbox.put(answered([ROWS[0] | {"origin": "\ud800"}], request_id="odd"))
    sender_to(Collector(), outbox)._send_all()
    assert (outbox.sent, outbox.dropped) == (4, {"refused": 1})
    assert "surrogates" in caplog.text


def test_at_the_end_what_waits_is_sent_and_what_cannot_be_is_counted():
    taken = filled(3)
    sender = sender_to(Collector(), taken)
    sender.start()
    sender.close()
    assert (taken.sent, taken.dropped["shutdown"]) == (6, 0)

    collector, lost = Collector(httpx.ConnectError("gone")), filled(300)
    sender = sender_to(collector, lost)
    sender.start()
    collector.asked.wait(10)
    sender.close(seconds=0.4)
    wait_until(lambda: lost.dropped["shutdown"] == 600)
    assert lost.sent == 0


def test_a_wrong_address_is_tried_again_because_a_person_may_mend_it(monkeypatch):
    waits(monkeypatch)
    outbox = filled(4)
    sender_to(Collector(httpx.Response(404), httpx.Response(401), httpx.Response(202)), outbox)._send_all()
    assert outbox.sent == 8
