"""The command line of the predictor."""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serinus.predictor.event_settings import EventSettings, add_event_options, event_settings

# Longer than the local gateway waits for an answer, shorter than the 30 s after which Kubernetes kills.
GRACE_SECONDS = 25
DESCRIPTION = """Serve one MLflow scikit-learn model over KServe's V1 and V2 (Open Inference Protocol) REST.

exit codes: 0 stopped by SIGTERM or SIGINT; 2 wrong arguments; 3 the artifact's digest is not the registered one;
4 the model cannot be loaded or does not answer; 5 the port is in use."""


@dataclass(frozen=True)
class Settings:
    """What one predictor process serves, under which names it counts, and where it listens."""

    model_dir: Path
    model_name: str
    deployment: str
    revision: str
    digest: str
    host: str
    port: int
    slo_ms: tuple[float, ...]
    max_body_bytes: int
    grace_seconds: int
    events: EventSettings | None = None


def parse(arguments: Sequence[str]) -> Settings:
    """Settings from the command line; ends the process with code 2 and a usage line if they are wrong."""
    parser = _parser()
    options = parser.parse_args(arguments)
    return Settings(
        model_dir=options.model_dir,
        model_name=options.model_name,
        deployment=options.deployment,
        revision=options.revision,
        digest=options.digest,
        host=options.host,
        port=options.port,
        slo_ms=tuple(options.slo_ms),
        max_body_bytes=options.max_body_bytes,
        grace_seconds=options.grace_seconds,
        events=event_settings(options, parser),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m serinus.predictor",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model-dir", type=Path, required=True, help="local MLflow model directory (the one that holds MLmodel)")
    add("--model-name", required=True, help="name of the model in the URL")
    add("--deployment", required=True, help="ModelDeployment that this process serves; a label on every metric")
    add("--revision", required=True, help="revision id; a label on every metric")
    add("--digest", default="", help="registered digest of the directory, sha256:<hex>; without one it is not verified")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_port, default=8080, help="port to listen on (default: %(default)s)")
    add("--slo-ms", type=_milliseconds, action="append", default=[], help="latency objective; an edge of the histogram")
    add("--max-body-bytes", type=_size, default=1 << 20, help="largest request body (default: %(default)s)")
    add(
        "--grace-seconds", type=_size, default=GRACE_SECONDS,
        help="time for requests in flight and queued after SIGTERM (default: %(default)s)",
    )  # fmt: skip
    add_event_options(parser)
    return parser


def _port(text: str) -> int:
    value = int(text)
    if not 0 < value < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port; give a number from 1 to 65535")
    return value


def _milliseconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text} is not a latency; give milliseconds above 0")
    return value


def _size(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not accepted; give a whole number above 0")
    return value
