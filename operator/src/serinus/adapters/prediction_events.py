"""How predictors are told to send their answers to the collector: Serinus's own by options, others through KServe's logger."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from serinus.adapters import manifests
from serinus.adapters.kubernetes_objects import Manifest, Owner
from serinus.adapters.serving_runtimes import SERINUS, Runtime
from serinus.core.collecting import Collecting, collecting
from serinus.core.revision import Revision

URL_FLAG: Final = "--collector-url="
VERSION_FLAG: Final = "--model-version="
FLAGS: Final = (URL_FLAG, VERSION_FLAG, "--log-")
REQUEST_ID: Final = "x-request-id"
COPY: Final = "x-serinus-copy"  # on what the collector asks itself: it must not take that for a client's


def event_options(collector_url: str, wanted: Collecting | None) -> tuple[str, ...]:
    """Options of the predictor's command line; none where nothing is to be told, or nobody is there to be told."""
    if wanted is None or not collector_url:
        return ()
    url, log = f"{URL_FLAG}{collector_url}", wanted.log
    if log is None:
        return (url,)
    hashed = (f"--log-hash={name}" for name in log.hash)
    dropped = (f"--log-drop={name}" for name in log.drop)
    return (url, "--log-features", f"--log-sample-rate={log.sample_rate:g}", *hashed, *dropped)


def telling(
    manifest: dict[str, Any], owner: Owner, revision: Revision, runtime: Runtime, collector_url: str
) -> dict[str, Any]:
    """The InferenceService of a revision whose predictor tells the collector what the ModelDeployment wants told.

    KServe's logger sends whole requests, so it is set up only for a log that keeps whole rows of all requests. One of the
    user's template stays as it is.
    """
    wanted = collecting(owner.deployment.spec)
    options = event_options(collector_url, wanted)
    predictor = manifest["spec"]["predictor"]
    if not options or wanted is None:
        return manifest
    if runtime.server_type == SERINUS and "model" in predictor:
        model = predictor["model"]
        model["args"] = [*model.get("args", ()), f"{VERSION_FLAG}{revision.artifact.version}", *options]
    elif sends_all(wanted):
        predictor.setdefault("logger", _logger(owner, revision, collector_url))
    return manifest


def sends_all(wanted: Collecting) -> bool:
    """Whether the log is to keep whole rows of all requests."""
    log = wanted.log
    return log is not None and log.sample_rate == 1 and not log.hash and not log.drop


def keeping_events(wanted: dict[str, Any], existing: Manifest) -> dict[str, Any]:
    """`wanted` with what the existing one was told of the collector: to tell it more is to start its pods anew."""
    predictor = wanted["spec"]["predictor"]
    if "model" in predictor and (told := _told(existing)):
        predictor["model"]["args"] = [*predictor["model"].get("args", ()), *told]
    if logger := manifests.field(existing, "spec", "predictor", "logger"):
        predictor.setdefault("logger", logger)
    return wanted


def _told(inference_service: Manifest) -> list[str]:
    args = manifests.field(inference_service, "spec", "predictor", "model", "args") or ()
    return [arg for arg in args if arg.startswith(FLAGS)]


def _logger(owner: Owner, revision: Revision, collector_url: str) -> Mapping[str, Any]:
    names = owner.deployment.metadata
    about = {
        "deployment": f"{names.namespace}/{names.name}",
        "revision": revision.id,
        "version": revision.artifact.version,
    }
    return {"mode": "all", "url": f"{collector_url}/?{urlencode(about)}", "metadataHeaders": [REQUEST_ID, COPY]}
