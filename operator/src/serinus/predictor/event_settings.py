"""What the command line says of prediction events: where they are sent, and what of a row leaves the process."""

import argparse
import math
import os
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

# In the environment, because everybody on the machine can read a command line.
KEY_VARIABLE: Final = "SERINUS_LOG_KEY"
FEWEST_KEY_BYTES: Final = 16


@dataclass(frozen=True)
class EventSettings:
    """`features`: whether rows are sent with their inputs; `key`: hashes those of `hashed`, needed where there are any."""

    collector_url: str
    version: str = ""
    sample_rate: float = 1.0
    features: bool = False
    hashed: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()
    key: bytes = field(default=b"", repr=False)


def add_event_options(parser: argparse.ArgumentParser) -> None:
    """The options of prediction events."""
    group = parser.add_argument_group("prediction events", "sent to a collector, if there is one")
    add = group.add_argument
    add("--collector-url", type=_url, default="", help="collector that predictions are sent to; none by default")
    add("--model-version", default="", help="registered version of the model, told to the collector")
    add("--log-sample-rate", type=_rate, default=1.0, help="share of the requests that are sent (default: %(default)s)")
    add("--log-features", action="store_true", help="send inputs too; without it no input leaves this process")
    add("--log-hash", metavar="COLUMN", action="append", default=[],
        help=f"input that is sent as a keyed hash; the key is read from {KEY_VARIABLE}")  # fmt: skip
    add("--log-drop", metavar="COLUMN", action="append", default=[], help="input that is not sent")


def event_settings(options: argparse.Namespace, parser: argparse.ArgumentParser) -> EventSettings | None:
    """What the parsed options say; None without a collector. Ends the process if they are wrong."""
    if not options.collector_url:
        return None
    key = os.environ.get(KEY_VARIABLE, "").encode()
    if options.log_features and options.log_hash and len(key) < FEWEST_KEY_BYTES:
        parser.error(
            f"--log-hash needs a key of at least {FEWEST_KEY_BYTES} characters in the environment variable {KEY_VARIABLE}; "
            "set it, the same for every predictor, or use --log-drop"
        )
    return EventSettings(
        collector_url=options.collector_url,
        version=options.model_version,
        sample_rate=options.log_sample_rate,
        features=options.log_features,
        hashed=frozenset(options.log_hash),
        dropped=frozenset(options.log_drop),
        key=key,
    )


def _url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise argparse.ArgumentTypeError(f"{text} is not an address; give one as http://host:port")
    return text.rstrip("/")


def _rate(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise argparse.ArgumentTypeError(f"{text} is not a share; give a number from 0 to 1")
    return value
