import argparse
import hashlib
import hmac
import math
from datetime import UTC, datetime

import numpy as np
import orjson
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from serinus.predictor.decoding import Decoder
from serinus.predictor.event_settings import EventSettings, add_event_options, event_settings
from serinus.predictor.events import Answered, EventWriter
from serinus.predictor.identity import Identity
from serinus.predictor.outbox import Outbox
from serinus.predictor.prediction_log import EventCounters, PredictionLog
from serinus.predictor.schema import Column

COLUMNS = (
    Column("origin", "string", True),
    Column("temp", "double", True),
    Column("hour", "integer", True),
    Column("late", "boolean", True),
)
ROWS = [
    {"origin": "JFK", "temp": 1.5, "hour": 7, "late": True, "secret": "not the model's"},
    {"origin": None, "temp": None, "hour": None, "late": None},
]
AT = 1_790_000_000.25
KEY = b"a key of sixteen"


def settings(**changes) -> EventSettings:
    return EventSettings(**{"collector_url": "http://collector", "features": True} | changes)


def answered(rows=ROWS, predictions=(0.25, 0.5), **changes) -> Answered:
    values = {"request_id": "q", "at": AT, "mirrored": False} | changes
    return Answered(batch=Decoder(COLUMNS).rows(rows), predictions=np.array(predictions[: len(rows)]), **values)


def events(one: Answered, **changes) -> list[dict]:
    return orjson.loads(orjson.dumps(EventWriter(COLUMNS, settings(**changes)).events(one)))


def test_each_row_becomes_an_event_with_its_own_id_answer_and_the_models_inputs():
    first, second = events(answered())
    assert first == {
        "requestId": "q/0",
        "time": datetime.fromtimestamp(AT, UTC).isoformat(),
        "prediction": 0.25,
        "features": {"origin": "JFK", "temp": 1.5, "hour": 7, "late": True},
        "copy": False,
    }
    assert second["features"] == dict.fromkeys(("origin", "temp", "hour", "late"))
    assert type(first["features"]["hour"]) is int


def test_no_input_leaves_unless_it_was_told_to():
    assert [one["features"] for one in events(answered(), features=False)] == [{}, {}]


def test_dropped_columns_are_not_in_the_event_and_dropping_wins_over_hashing():
    (only,) = events(answered(ROWS[:1]), dropped={"origin", "hour"}, hashed={"origin"}, key=KEY)
    assert only["features"] == {"temp": 1.5, "late": True}


def test_hashed_columns_are_keyed_hashes_that_tell_equal_values_of_one_column_only():
    first, second = events(answered(), hashed={"origin", "hour"}, key=KEY)
    expected = "hmac:" + hmac.new(KEY, b'origin\0"JFK"', hashlib.sha256).digest()[:16].hex()
    assert first["features"]["origin"] == expected
    assert (
        first["features"]["hour"] != events(answered(), hashed={"hour"}, key=b"another sixteen!")[0]["features"]["hour"]
    )
    assert second["features"]["origin"] is None
    assert not math.isnan(first["features"]["temp"])


def test_answers_are_numbers_or_texts():
    assert [one["prediction"] for one in events(answered(predictions=(True, False)))] == [1, 0]
    assert [one["prediction"] for one in events(answered(predictions=("late", "on time")))] == ["late", "on time"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--collector-url", "collector:8090"), "give one as http://host:port"),
        (("--collector-url", "http://c", "--log-sample-rate", "1.5"), "from 0 to 1"),
        (("--collector-url", "http://c", "--log-features", "--log-hash", "origin"), "SERINUS_LOG_KEY"),
    ],
)
def test_wrong_options_say_what_to_do(arguments, words, capsys, monkeypatch):
    monkeypatch.setenv("SERINUS_LOG_KEY", "short")
    with pytest.raises(SystemExit):
        parsed(*arguments)
    assert words in capsys.readouterr().err


def test_the_key_comes_from_the_environment_and_without_a_collector_nothing_is_sent(monkeypatch):
    monkeypatch.setenv("SERINUS_LOG_KEY", KEY.decode())
    url = ("--collector-url", "http://c/")
    found = parsed(*url, "--log-features", "--log-hash", "origin", "--log-drop", "hour", "--model-version", "7")
    assert found == settings(
        collector_url="http://c", version="7", hashed=frozenset({"origin"}), dropped=frozenset({"hour"}), key=KEY
    )
    assert KEY.decode() not in repr(found)
    assert parsed("--log-features") is None


def parsed(*arguments: str) -> EventSettings | None:
    parser = argparse.ArgumentParser()
    add_event_options(parser)
    return event_settings(parser.parse_args(arguments), parser)


def metrics(outbox: Outbox) -> str:
    registry = CollectorRegistry()
    registry.register(EventCounters(("ml/flights", "r1"), outbox))
    return generate_latest(registry).decode()


def test_a_full_outbox_drops_what_comes_and_counts_its_rows():
    outbox = Outbox(max_bytes=3000)
    log = PredictionLog(outbox, 1.0)
    for index in range(10):
        one = answered()
        log.add(Identity(str(index)), one.batch, one.predictions)
    waiting = outbox.take(1000)
    assert [one.request_id for one in waiting] == ["0", "1"]
    assert (
        'serinus_prediction_events_dropped_total{deployment="ml/flights",reason="full",revision="r1"} 16.0'
        in metrics(outbox)
    )
    outbox.put(answered())
    assert not len(outbox), "what is being sent still takes its room"
    outbox.settle(waiting)
    outbox.put(answered())
    assert len(outbox) == 1
    assert 'serinus_prediction_events_sent_total{deployment="ml/flights",revision="r1"} 4.0' in metrics(outbox)


def test_long_texts_take_more_room():
    outbox = Outbox(max_bytes=100_000)
    for _ in range(3):
        outbox.put(answered([ROWS[0] | {"origin": "x" * 60_000}]))
    assert len(outbox) == 1


def test_a_mirrored_answer_is_marked_and_left_out_where_nobody_knows_its_id():
    outbox = Outbox()
    log = PredictionLog(outbox, 1.0)
    one = answered()
    log.add(Identity("made", given=False, mirrored=True), one.batch, one.predictions)
    log.add(Identity("given", mirrored=True), one.batch, one.predictions)
    (waiting,) = outbox.take(10)
    assert [event["copy"] for event in events(waiting)] == [True, True]


def test_an_answer_of_several_numbers_a_row_is_counted_and_not_logged():
    outbox = Outbox()
    one = answered()
    PredictionLog(outbox, 1.0).add(Identity("q"), one.batch, np.ones((2, 3)))
    assert not len(outbox)
    assert outbox.dropped == {"shape": 2}
