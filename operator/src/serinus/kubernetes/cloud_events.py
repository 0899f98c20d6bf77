"""CloudEvents 1.0 over HTTP, binary or structured, as far as retraining reads them."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from serinus.core.errors import SpecInvalid
from serinus.core.retraining.asking import Event
from serinus.core.spec.fields import shown
from serinus.ports import Key

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
NEEDED: Final = ("specversion", "id", "source", "type", "time", "subject")
LONGEST: Final = 256  # characters of an attribute


def event_of(headers: Mapping[str, str], content_type: str, body: bytes) -> tuple[Key, Event]:
    """The deployment that the event is about, and the event. Raises SpecInvalid, saying what is wrong with it."""
    if content_type == BATCH:
        raise SpecInvalid("a batch of events is not taken; send each by itself")
    found = _structured(body) if content_type == STRUCTURED else {one: headers.get(f"ce-{one}") for one in NEEDED}
    given = {one: _checked(one, found.get(one)) for one in NEEDED}
    if given["specversion"] != "1.0":
        raise SpecInvalid(f"specversion {shown(given['specversion'])} is not understood; send CloudEvents 1.0")
    event = Event(given["id"], given["source"], given["type"], _moment(given["time"]))
    return _subject(given["subject"]), event


def _structured(body: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise SpecInvalid(f"the event is not JSON ({error})") from error
    if not isinstance(found, dict):
        raise SpecInvalid("the event is not a JSON object")
    return found


def _checked(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        where = f"give the attribute {name} as text (in binary mode the header ce-{name})"
        raise SpecInvalid(f"the event has no {name}; {where}")
    if len(value) > LONGEST:
        raise SpecInvalid(f"{name} has {len(value)} characters; {LONGEST} are enough")
    return value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecInvalid(f"time {shown(text)} is no RFC 3339 time; write it as in 2026-01-05T12:00:00Z") from error
    if moment.tzinfo is None:
        raise SpecInvalid(f"time {shown(text)} has no time zone; write it as in 2026-01-05T12:00:00Z")
    return moment


def _subject(text: str) -> Key:
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise SpecInvalid(f"subject {shown(text)} names no ModelDeployment; write namespace/name")
    return Key(namespace, name)
