"""Wiring: verify, load, answer once, listen, and stop when asked."""

import logging
import os
import signal
import socket
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from serinus.artifact import verify_directory
from serinus.core.errors import ArtifactCorrupted, PortInUse, SerinusError
from serinus.predictor.errors import ModelUnloadable
from serinus.predictor.settings import Settings, parse

if TYPE_CHECKING:
    from serinus.predictor.event_settings import EventSettings
    from serinus.predictor.prediction_log import PredictionLog
    from serinus.predictor.rest import PredictorServer
    from serinus.predictor.schema import Column

logger = logging.getLogger("serinus.predictor")

EXIT_CODES: dict[type[SerinusError], int] = {ArtifactCorrupted: 3, ModelUnloadable: 4, PortInUse: 5}

# A prediction mostly holds the interpreter, so threads are for keeping the event loop free more than for throughput:
# 1, 2 and 4 could not be told apart on 2 cores (8 rounds, 8 requests in flight).
THREADS = min(4, os.cpu_count() or 1)
BACKLOG = 2048


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Serve until SIGTERM; ends the process with a documented exit code."""
    settings = parse(sys.argv[1:] if arguments is None else arguments)
    # KServe parses sys.argv when it is imported, and would take our arguments for its own.
    del sys.argv[1:]
    quiet_logs()
    last = ExitStack()  # what is still to be done once the last request is answered
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _stopped(last))
    try:
        serve(settings, last)
    except SerinusError as error:
        sys.stderr.write(f"{error}\n")
        _leave(EXIT_CODES.get(type(error), 1))
    _stopped(last)


def serve(settings: Settings, last: ExitStack) -> None:
    """Serve one model until a signal; `last` is to be closed then.

    Raises ArtifactCorrupted, ModelUnloadable, PortInUse before it listens.
    """
    if settings.digest:
        verify_directory(settings.model_dir, settings.digest)
    else:
        logger.warning("no --digest was given, so nobody has verified that these are the files that were meant")
    listener = bind(settings.host, settings.port)
    logger.info("starting: model %s, revision %s, %s", settings.model_name, settings.revision, settings.model_dir)
    server = compose(settings, last)
    listener.listen(BACKLOG)
    logger.info("ready: http://%s:%d", settings.host, settings.port)
    server.run(sockets=[listener])


def compose(settings: Settings, last: ExitStack) -> "PredictorServer":
    """The server of a loaded model that has answered once, with its counters registered for /metrics."""
    from prometheus_client import REGISTRY

    from serinus.predictor.answers import answer_bins
    from serinus.predictor.bins import BinCounter
    from serinus.predictor.bodies import LimitBody
    from serinus.predictor.collector import PredictorCollector
    from serinus.predictor.loading import load_model
    from serinus.predictor.model import SklearnModel
    from serinus.predictor.requests import CountRequests, RequestCounts
    from serinus.predictor.rest import PredictorServer

    loaded = load_model(settings.model_dir)
    bins = BinCounter(loaded.reference, answer_bins(loaded))
    requests = RequestCounts(milliseconds / 1000 for milliseconds in settings.slo_ms)
    _drop_kserve_histograms()
    REGISTRY.register(PredictorCollector(settings, requests, bins, loaded.reference))
    log = prediction_log(settings, settings.events, loaded.columns, last) if settings.events else None
    pool = ThreadPoolExecutor(THREADS, "predict")
    model = SklearnModel(settings.model_name, settings.revision, loaded, bins, pool, log=log)
    count = partial(CountRequests, counts=requests)
    limit = partial(LimitBody, max_bytes=settings.max_body_bytes)
    return PredictorServer(model, settings, [count, limit])


def prediction_log(
    settings: Settings, events: "EventSettings", columns: "Sequence[Column]", last: ExitStack
) -> "PredictionLog":
    """A log whose events are sent to the collector from now on; `last` sends the rest."""
    from prometheus_client import REGISTRY

    from serinus.predictor.events import EventWriter
    from serinus.predictor.outbox import Outbox
    from serinus.predictor.prediction_log import EventCounters, PredictionLog
    from serinus.predictor.sending import EventSender

    outbox, writer = Outbox(), EventWriter(columns, events)
    if unknown := sorted((events.hashed | events.dropped) - {column.name for column in columns}):
        logger.warning("the model takes no column %s, which is to be hashed or dropped; check the name", unknown)
    about = {"deployment": settings.deployment, "model": settings.model_name, "revision": settings.revision}
    sender = EventSender(events.collector_url, about | {"version": events.version}, outbox, writer)
    REGISTRY.register(EventCounters((settings.deployment, settings.revision), outbox))
    sender.start()
    last.callback(sender.close)
    return PredictionLog(outbox, events.sample_rate)


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet: a taken port is found at once, and nobody connects too early."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"cannot listen on {host}:{port}: {error.strerror}; stop what does or choose another --port"
        ) from None
    return listener


def _drop_kserve_histograms() -> None:
    """Its per-request histograms are not fed here; zeros would only mislead."""
    from kserve import metrics
    from prometheus_client import REGISTRY

    for histogram in (
        metrics.PRE_HIST_TIME,
        metrics.PREDICT_HIST_TIME,
        metrics.POST_HIST_TIME,
        metrics.EXPLAIN_HIST_TIME,
    ):
        REGISTRY.unregister(histogram)


def quiet_logs() -> None:
    """Three lines in a life (starting, ready, stopped), and warnings."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    logging.getLogger("serinus.predictor").setLevel(logging.INFO)
    kserve = logging.getLogger("kserve")
    kserve.setLevel(logging.WARNING)
    # A handler of its own, even one that does nothing, keeps KServe from installing its configuration.
    kserve.addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")


def _stopped(last: ExitStack) -> NoReturn:
    last.close()
    logger.info("stopped")
    _leave(0)


def _leave(code: int) -> NoReturn:
    """End now: a prediction that never ends must not hold the process, as joining its thread at exit would."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
