"""KServe's REST server with our middlewares and error answers in place of its own."""

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from kserve import ModelRepository, ModelServer
from kserve.errors import InvalidInput, ModelNotFound
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp

from serinus.core.errors import SerinusError
from serinus.predictor.errors import InputRejected, ModelFailed
from serinus.predictor.identity import REQUEST_ID
from serinus.predictor.model import SklearnModel
from serinus.predictor.settings import Settings

Middleware = Callable[[ASGIApp], ASGIApp]


class _OneModel(ModelRepository):  # type: ignore[misc]
    """A repository whose model stays: anybody who can send requests could otherwise unload it."""

    def unload(self, name: str) -> NoReturn:
        raise NotImplementedError("this server serves one model for as long as it runs; stop the process instead")


class _StrictDataPlane(DataPlane):  # type: ignore[misc]
    """Whatever goes wrong while a request is being read is the request's fault."""

    def decode(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().decode(*args, **kwargs)
        except InvalidInput:
            raise
        except Exception as error:
            raise InputRejected(f"the request cannot be read: {type(error).__name__}: {error}") from None


# The gateway closes idle connections after seconds. Were ours closed at about the same time (5 s by default), requests sent on a
# connection just being closed would fail, many at once when the machine had stood still for that long.
KEEP_ALIVE_SECONDS = 75


class PredictorServer(RESTServer):  # type: ignore[misc]
    """V1 and V2 endpoints of one model. `middlewares`: outermost first."""

    def __init__(self, model: SklearnModel, settings: Settings, middlewares: Sequence[Middleware]) -> None:
        repository = _OneModel()
        server = ModelServer(
            http_port=settings.port, registered_models=repository, enable_grpc=False, enable_latency_logging=False
        )
        server.register_model(model)
        extension = server.model_repository_extension
        super().__init__(
            "kserve.model_server:app",
            _StrictDataPlane(repository),
            extension,
            settings.port,
            grace_period=settings.grace_seconds,
        )
        self.config.access_log = False
        self.config.timeout_keep_alive = KEEP_ALIVE_SECONDS
        self._middlewares = tuple(middlewares)
        self._model_name = model.name

    def _add_middlewares(self, app: FastAPI) -> None:
        for middleware in reversed(self._middlewares):
            app.add_middleware(middleware)

    def _add_exception_handlers(self, app: FastAPI) -> None:
        super()._add_exception_handlers(app)
        answers: dict[type[Exception], tuple[int, Callable[[Any], str]]] = {
            InputRejected: (400, str),
            InvalidInput: (400, str),
            RequestValidationError: (400, _validation_sentence),
            ModelNotFound: (404, lambda error: f'{error} This server serves "{self._model_name}".'),
            NotImplementedError: (404, str),
            ModelFailed: (500, str),
            SerinusError: (500, str),
        }
        for error, (code, sentence) in answers.items():
            app.add_exception_handler(error, _answering(code, sentence))
        app.add_exception_handler(HTTPException, _http_answer)
        app.add_exception_handler(Exception, _answering(500, lambda _: "the predictor failed; its log says why"))


def _answering(code: int, sentence: Callable[[Any], str]) -> Callable[[Request, Exception], Any]:
    async def answer(request: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": sentence(error)}, status_code=code, headers=_same_id(request))

    return answer


async def _http_answer(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    return JSONResponse({"error": str(error.detail)}, status_code=error.status_code, headers=error.headers)


def _same_id(request: Request) -> dict[str, str]:
    """The request's id, so that a client and its log can tell which request it was that failed."""
    given = request.headers.get(REQUEST_ID)
    return {REQUEST_ID: given} if given else {}


def _validation_sentence(error: RequestValidationError) -> str:
    """The first complaint about a V2 body: where, and what."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("body", "InferenceRequest"))
    if first["type"] == "json_invalid":
        return f"the body is not JSON: {first.get('ctx', {}).get('error', first['msg'])} at character {where}"
    shape = '{"inputs": [{"name", "shape", "datatype", "data"}]}'
    return f'field "{where or "body"}" of the request: {first["msg"]}; send {shape}'
