"""A limit on request bodies, announced (Content-Length) or not (chunked)."""

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LimitBody:
    """ASGI middleware: 413 to a body of more than `max_bytes`, before it is in memory."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._message = f"the request body is larger than {max_bytes} bytes; send fewer rows at a time"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on unless it is too large."""
        announced = next((value for name, value in scope.get("headers", ()) if name == b"content-length"), None)
        if announced is None:
            await self._app(scope, self._counting(receive), send)
        elif int(announced) > self._max_bytes:
            await JSONResponse({"error": self._message}, status_code=413)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _counting(self, receive: Receive) -> Receive:
        size = 0

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                # FastAPI and Starlette let an HTTPException through from wherever the body is being read.
                raise HTTPException(413, self._message)
            return message

        return limited
