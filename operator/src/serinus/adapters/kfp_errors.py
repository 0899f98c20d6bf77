"""What Kubeflow Pipelines, its proxy or the network answers instead of what was asked for, in our terms."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from serinus.adapters.kfp_auth import KfpSettings
from serinus.core.errors import PipelinesRefused, PipelinesUnavailable, SerinusError

EXHAUSTED = 8  # google.rpc.Code
FORWARD = "kubectl -n kubeflow port-forward svc/ml-pipeline-ui 8080:80"


class Absent(PipelinesRefused):
    """The server has no such thing."""


class Present(PipelinesRefused):
    """The server has one of this name already."""


QUOTA = (
    PipelinesUnavailable,
    (
        "{host} takes no more for now, a quota is used up (could not {doing}{because}); "
        "wait until other runs have ended, or raise the quota of the namespace"
    ),
)
LOGIN = (PipelinesRefused, "{host} sends {who} to a login page; give a token by KFP_TOKEN or KFP_TOKEN_FILE")
BROKEN = (PipelinesUnavailable, "{host} could not {doing} ({status}{because}); look at the log of its API server")
REFUSED = (PipelinesRefused, "{host} refused to {doing} ({status}{because})")
ANSWERS: dict[int, tuple[type[SerinusError], str]] = {
    401: (
        PipelinesRefused,
        (
            "{host} does not know {who} (401{because}); "
            "give a token by KFP_TOKEN or KFP_TOKEN_FILE, or KFP_USERNAME and KFP_PASSWORD"
        ),
    ),
    403: (
        PipelinesRefused,
        (
            "{host} does not let {who} {doing} (403{because}); "
            "bind the role of manifests/pipelines/rbac.yaml in the namespace of the runs"
        ),
    ),
    404: (Absent, "{host} has no such thing (could not {doing}{because})"),
    409: (Present, "{host} has one of this name already (could not {doing}{because})"),
}


@contextmanager
def translated(settings: KfpSettings, doing: str) -> Iterator[None]:
    """Whatever the generated client and its HTTP library raise becomes an error of ours; `doing` as in "start a run"."""
    from kfp_server_api import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        raise _answered(settings, doing, error) from error
    except HTTPError as error:
        raise _unanswered(settings, error) from error


def _unanswered(settings: KfpSettings, error: Exception) -> SerinusError:
    """No answer came: nobody is there, it took too long, or there is no trust."""
    from urllib3.exceptions import SSLError

    cause = getattr(error, "reason", None) or error
    said = " ".join(str(cause).split()).rpartition("): ")[2][:200]
    if isinstance(cause, SSLError):
        return PipelinesRefused(
            f"the certificate of {settings.host} is not trusted, or it does not speak TLS ({said}); "
            "name its authority's file by KFP_CA_FILE or correct the address"
        )
    return PipelinesUnavailable(
        f"Kubeflow Pipelines at {settings.host} did not answer ({said}); "
        f"start it, correct the address, or reach it by `{FORWARD}`"
    )


def _answered(settings: KfpSettings, doing: str, error: Any) -> SerinusError:
    """The server, or a proxy before it, said no."""
    said, code = _body(error.body)
    kind, sentence = _kind(int(error.status or 0), code, said)
    words = {"host": settings.host, "who": settings.credentials.told, "doing": doing, "status": error.status}
    return kind(f"Kubeflow Pipelines at {sentence.format(**words, because=f': {said}' if said else '')}")


def _kind(status: int, code: int, said: str) -> tuple[type[SerinusError], str]:
    """Quotas first: of a namespace's, the server tells in words only, with the status of another trouble."""
    if status == 429 or code == EXHAUSTED or "exceeded quota" in said.lower():
        return QUOTA
    return ANSWERS.get(status) or (LOGIN if 300 <= status < 400 else BROKEN if status >= 500 else REFUSED)


def _body(body: str | None) -> tuple[str, int]:
    """The sentence and the code of an error's body; gRPC's gateway and the upload handler write different fields."""
    try:
        content = json.loads(body or "{}")
    except ValueError:
        return "", 0
    if not isinstance(content, dict):
        return "", 0
    said = next((str(content[name]) for name in ("message", "error", "error_message") if content.get(name)), "")
    code = content.get("code", 0)
    return " ".join(said.split())[:300].rstrip(".; "), code if isinstance(code, int) else 0
