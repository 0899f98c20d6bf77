"""One JSON object a line, with the object's key and the reason where a line is about one."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final

EXTRAS: Final = ("key", "reason", "numbers", "record")
QUIET: Final = (
    "kopf",
    "httpx",
    "httpx2",
    "httpcore",
    "httpcore2",
    "aiohttp.access",
)  # nothing below a warning from these


class JsonFormatter(logging.Formatter):
    """A record as JSON; an exception's trace is one of its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name in EXTRAS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A line for people, begun by what it is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(about)s%(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = " ".join(filter(None, (getattr(record, "key", ""), getattr(record, "reason", ""))))
        record.about = f"{about}: " if about else ""
        return super().format(record)


def configure(level: str, form: str) -> None:
    """Log to stderr, once for the whole process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    levels = logging.getLevelNamesMapping()
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, levels[level]))
