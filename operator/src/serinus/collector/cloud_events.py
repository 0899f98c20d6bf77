"""CloudEvents of KServe's logger, in binary mode: attributes in headers `ce-...`, the payload in the body.

KServe sends the id (ce-id), the type, the InferenceService and its namespace; the time is when the logger sent it. It says
nothing of revisions. In mode Standard the InferenceService is one revision's and bears its id at the end of the name;
otherwise, and where the name is cut short, the logger's URL says it: http://collector/?deployment=ml/churn&revision=...
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import orjson
from pydantic import AwareDatetime, TypeAdapter
from pydantic import ValidationError as Invalid

from serinus.collector.halves import Half
from serinus.collector.messages import BodyInvalid
from serinus.collector.settings import DEPLOYMENT
from serinus.core.revision import ID_HEX_DIGITS

REQUEST: Final = "org.kubeflow.serving.inference.request"
RESPONSE: Final = "org.kubeflow.serving.inference.response"
REQUEST_ID_HEADER: Final = "x-request-id"
COPY_HEADER: Final = "x-serinus-copy"  # what the collector sends with its own requests
NAMED: Final = re.compile(rf"(.+)-([0-9a-f]{{{ID_HEX_DIGITS}}})")
_TIME: Final = TypeAdapter(AwareDatetime)


def half_of(headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Half:
    """The half of a request that an event tells. `headers` by names in small letters. Raises BodyInvalid."""
    kind, event_id = headers.get("ce-type", ""), headers.get("ce-id", "")
    if kind not in (REQUEST, RESPONSE):
        raise BodyInvalid(f'ce-type is "{kind[:100]}"; {REQUEST} and {RESPONSE} are taken, in binary mode')
    if not _is_name(event_id):
        raise BodyInvalid("ce-id is missing or has more than 256 characters; a request and its response share one")
    deployment, revision = _whose(headers, query)
    logged = _logged_headers(headers.get("ce-metadata", ""))
    return Half(
        deployment=deployment,
        revision=revision,
        event_id=event_id,
        is_response=kind == RESPONSE,
        time=_time(headers.get("ce-time")),
        body=body,
        version=query.get("version", "")[:256].replace("\0", ""),
        request_id=_request_id(logged),
        is_copy=COPY_HEADER in logged,
    )


def _whose(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    """The deployment as namespace/name, and the revision."""
    service = headers.get("ce-inferenceservicename", "")
    named = NAMED.fullmatch(service)
    name, revision = (named[1], named[2]) if named else (service, "")
    deployment = query.get("deployment") or f"{headers.get('ce-namespace', '')}/{name}"
    revision = query.get("revision") or revision
    if not DEPLOYMENT.fullmatch(deployment) or not _is_name(revision):
        raise BodyInvalid(
            f'no revision of a ModelDeployment can be told from ce-inferenceservicename "{service[:100]}"; say it in the '
            "logger's URL: http://collector/?deployment=NAMESPACE/NAME&revision=REVISION"
        )
    return deployment, revision


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        return _TIME.validate_python(text)
    except Invalid:
        raise BodyInvalid(f'ce-time "{text[:70]}" is not a time with its zone, as in 2026-01-31T12:00:00Z') from None


def _logged_headers(metadata: str) -> Mapping[str, object]:
    """The request's headers that KServe is told to log (logger.metadataHeaders), by names in small letters."""
    try:
        found = orjson.loads(metadata) if metadata else {}
    except orjson.JSONDecodeError:
        return {}
    return {name.lower(): values for name, values in found.items()} if isinstance(found, dict) else {}


def _request_id(logged: Mapping[str, object]) -> str:
    """The client's id of the request."""
    values = logged.get(REQUEST_ID_HEADER)
    first = values[0] if isinstance(values, list) and values else None
    return first if isinstance(first, str) and _is_name(first) else ""


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 256 and "\0" not in text
