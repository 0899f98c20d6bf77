"""The endpoints. What they do is done elsewhere; here are addresses, status codes and sentences."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from pydantic import ValidationError as Invalid

from serinus import __version__
from serinus.collector.admission import TokenMissing, TokenWrong
from serinus.collector.bodies import BodyTooLarge
from serinus.collector.cloud_events import half_of
from serinus.collector.compose import Parts
from serinus.collector.database import DatabaseUnavailable
from serinus.collector.intake import Full, Stopping, size_of
from serinus.collector.losses import LossUndefined
from serinus.collector.messages import MAX_PROBLEMS, BodyInvalid, parse_labels, parse_predictions, sentence_of
from serinus.collector.outcomes import LabelOutcome, PredictionOutcome, Written
from serinus.collector.store import Batch
from serinus.core.errors import SerinusError
from serinus.core.quality import CompareQuestion, WatchQuestion

STATUS: Final[dict[type[SerinusError], int]] = {
    BodyInvalid: 400,
    LossUndefined: 400,
    TokenWrong: 401,
    TokenMissing: 403,
    BodyTooLarge: 413,
    Full: 429,
    Stopping: 503,
    DatabaseUnavailable: 503,
}
HEADERS: Final = {401: {"WWW-Authenticate": "Bearer"}} | {busy: {"Retry-After": "1"} for busy in (429, 503)}
Q = TypeVar("Q", bound=BaseModel)


def build_app(parts: Parts) -> FastAPI:
    """The server's endpoints over `parts`, which live as long as it does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with parts.running():
            yield

    app = FastAPI(title="Serinus collector", version=__version__, lifespan=lifespan, openapi_url=None)
    _add_writing(app, parts)
    _add_asking(app, parts)
    _add_watching(app, parts)
    for error in STATUS:
        app.add_exception_handler(error, _told(parts))
    return app


def _add_writing(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/predictions")
    async def predictions(request: Request) -> Response:
        return await take(request, parse_predictions, 202)

    @app.post("/v1/labels")
    async def labels(request: Request) -> Response:
        return await take(request, parse_labels, 200)

    @app.post("/")
    async def cloud_events(request: Request) -> Response:
        # 200, because KServe's logger notes everything else as an error.
        return await take(request, lambda body: half_of(request.headers, request.query_params, body), 200)

    async def take(request: Request, parse: Callable[[bytes], Batch], done: int) -> Response:
        if not parts.intake.has_room():
            await parts.bodies.drop(request)
            raise Full("as many events wait for the database as may; send it again")
        async with parts.bodies.body(request) as body:
            batch = parse(body)
            if size_of(batch) > parts.settings.queue_events:
                raise BodyTooLarge(f"a batch holds at most {parts.settings.queue_events} items; send smaller ones")
            written = await parts.intake.put(batch)
        invalid = written.counts[PredictionOutcome.INVALID] + written.counts[LabelOutcome.INVALID]
        return JSONResponse(_answer(written), status_code=400 if invalid else done)


def _add_asking(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/deployments/{namespace}/{name}/comparison")
    async def comparison(namespace: str, name: str, request: Request) -> Response:
        question = await _question(request, CompareQuestion)
        deployment = f"{namespace}/{name}"
        answer = await asyncio.to_thread(parts.answering.compare, deployment, question)
        parts.telemetry.compared(deployment, question.candidate.revision, question.stable.revision, answer)
        return _json(answer)

    @app.post("/v1/deployments/{namespace}/{name}/quality")
    async def quality(namespace: str, name: str, request: Request) -> Response:
        question = await _question(request, WatchQuestion)
        return _json(await asyncio.to_thread(parts.answering.watch, f"{namespace}/{name}", question))

    async def _question(request: Request, kind: type[Q]) -> Q:
        parts.admission.check(request)
        async with parts.bodies.body(request) as body:
            try:
                return kind.model_validate_json(body)
            except Invalid as error:
                raise BodyInvalid(sentence_of(error)) from None


def _add_watching(app: FastAPI, parts: Parts) -> None:
    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(parts.telemetry.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @app.get("/readyz")
    async def readyz() -> Response:
        return PlainTextResponse(f"{parts.unready or 'ok'}\n", status_code=503 if parts.unready else 200)


def _told(parts: Parts) -> Callable[[Request, Exception], Response]:
    def tell(_: Request, error: Exception) -> Response:
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
        parts.telemetry.refused.labels(type(error).__name__).inc()
        return JSONResponse({"error": str(error)}, status_code=status, headers=HEADERS.get(status))

    return tell


def _answer(written: Written) -> dict[str, Any]:
    """How many of each outcome, and what was found about single items."""
    problems = [
        {"index": one.index, "requestId": one.request_id, "problem": one.sentence}
        for one in written.problems[:MAX_PROBLEMS]
    ]
    outcomes = {outcome.value: count for outcome, count in written.counts.items() if count}
    return {"outcomes": outcomes, "problems": problems, "moreProblems": len(written.problems) - len(problems)}


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(by_alias=True), media_type="application/json")
