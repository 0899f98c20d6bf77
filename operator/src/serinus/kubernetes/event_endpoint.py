"""POST /v1/events: a CloudEvent that asks for a training run, taken once it is stored."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aiohttp import web

from serinus.core.bearer import bears
from serinus.core.errors import SerinusError, SpecInvalid, StateConflict
from serinus.core.retraining.asking import Event, Refused, Why, with_event
from serinus.core.spec import ModelDeploymentSpec
from serinus.core.state import RolloutState
from serinus.kubernetes.cloud_events import event_of
from serinus.kubernetes.objects import ClusterObjects
from serinus.kubernetes.status_store import StatusStore
from serinus.ports import Clock, Key

log = logging.getLogger(__name__)

PATH: Final = "/v1/events"
MOST_BYTES: Final = 64 * 1024
TRIES: Final = 5  # against a reconcile of the same deployment that saves meanwhile
CODES: Final[Mapping[Why, int]] = {Why.KNOWN: 200, Why.UNWANTED: 422, Why.STALE: 422, Why.TOO_MANY: 429}
NO_TOKEN: Final = (
    "no token was set up, so no event is taken; give the operator one (retraining.eventsToken of its chart)"
)
ELSEWHERE: Final = "another replica works, or this one is still starting; send it again"


class EventEndpoint:
    """Takes events while this replica leads. `wake`: the deployment is due now.

    `token_file` is read at each request, so a new token counts at once; empty: nobody may post.
    """

    def __init__(
        self,
        objects: ClusterObjects,
        store: StatusStore,
        *,
        leads: Callable[[], bool],
        wake: Callable[[Key], None],
        clock: Clock,
        token_file: str,
    ) -> None:
        self._objects = objects
        self._store = store
        self._leads = leads
        self._wake = wake
        self._clock = clock
        self._token_file = token_file

    async def handle(self, request: web.Request) -> web.Response:
        """The answer to one POST; 202 once the event stands in the deployment's status."""
        if (refused := self._refuse_stranger(request)) is not None:
            return refused
        if not self._leads():
            return _answer(503, ELSEWHERE)
        try:
            key, event = event_of(request.headers, request.content_type, await request.read())
        except SpecInvalid as error:
            return _answer(400, str(error))
        try:
            return await self._taken(key, event)
        except SerinusError as error:
            return _answer(503, f"it could not be stored; send it again: {error}")

    def _refuse_stranger(self, request: web.Request) -> web.Response | None:
        token = self._token()
        if not token:
            return _answer(403, NO_TOKEN)
        if bears(request.headers.get("Authorization", "").encode(errors="surrogateescape"), token):
            return None
        return _answer(401, "the token is missing or wrong; send it as Authorization: Bearer TOKEN")

    def _token(self) -> str:
        if not self._token_file:
            return ""
        try:
            return Path(self._token_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the token of %s cannot be read: %s", PATH, error)
            return ""

    async def _taken(self, key: Key, event: Event) -> web.Response:
        owner = self._objects.owner(key)
        if owner is None:
            return _answer(404, f"there is no ModelDeployment {key}; correct the event's subject")
        answer = await self._stored(key, owner.deployment.spec, event)
        if isinstance(answer, Refused):
            return _answer(CODES[answer.why], answer.message)
        log.info("event %s of %s asks for a run", event.id, event.source, extra={"key": str(key)})
        self._wake(key)
        return _answer(202, f"{key}: a run was asked for by event {event.id}")

    async def _stored(self, key: Key, spec: ModelDeploymentSpec, event: Event) -> Refused | None:
        """None once it is in the status. Raises StateConflict, StateUnreadable, StateUnwritable."""
        for left in reversed(range(TRIES)):
            refusals: list[Refused] = []

            def change(state: RolloutState, refusals: list[Refused] = refusals) -> RolloutState:
                after = with_event(state, spec, event, self._clock.now())
                if isinstance(after, Refused):
                    refusals.append(after)
                    return state
                return after

            try:
                await self._store.change(key, change)
            except StateConflict:
                if not left:
                    raise
                continue
            return refusals[0] if refusals else None
        return None


def _answer(status: int, message: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "5"} if status == 503 else None
    return web.Response(
        status=status, text=json.dumps({"message": message}), content_type="application/json", headers=headers
    )
