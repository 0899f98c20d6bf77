"""A server that speaks the few calls of the Docker Engine API that a container's life takes. It runs no container.

How a container comes to its end, and what is there of it when somebody asks, is what the test says.
"""

import json
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

IMAGE = "serinus/step:1"


@dataclass
class DockerServer:
    """Every container ends at once with `exit_code`, and is gone when `gone_at` is asked for: create, start, logs, wait, remove.

    `cut_at`: the connection ends there without an answer. `wait_error` is what Docker says beside the exit code.
    """

    exit_code: int = 0
    gone_at: str = ""
    cut_at: str = ""
    wait_error: str = ""
    output: bytes = b"working\n"
    has_image: bool = True
    url: str = ""
    created: list[dict[str, Any]] = field(default_factory=list)
    held: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, bytes]:
        """Status and body."""
        parts = re.sub(r"^/v1\.\d+", "", path).strip("/").split("/")
        if parts[0] == "containers" and len(parts) > 1 and parts[1] not in ("json", "create"):
            return self._about(parts[1], "remove" if method == "DELETE" else parts[2])
        if parts == ["containers", "create"]:
            return self._create(body)
        if parts == ["containers", "json"]:
            (label,) = json.loads(query["filters"][0])["label"]
            return _json(200, [{"Id": one} for one, made in self.held.items() if label in _labels(made)])
        image = {"Id": "sha256:1", "RepoTags": [IMAGE], "RepoDigests": []}
        fixed = {
            "version": (200, {"ApiVersion": "1.44", "MinAPIVersion": "1.24", "Version": "25"}),
            "info": (200, {"SecurityOptions": []}),
            "images/json": (200, [image]),
            "images/create": (404, {"message": "pull access denied, repository does not exist"}),
        }
        return _json(*fixed.get("/".join(parts), (200, image)))

    def _create(self, body: Any) -> tuple[int, bytes]:
        if not self.has_image:
            return _json(404, {"message": f"No such image: {body['Image']}"})
        self.created.append(body)
        name = f"{len(self.created):064x}"
        self.held[name] = body
        return _json(201, {"Id": name, "Warnings": []})

    def _about(self, container: str, asked: str) -> tuple[int, bytes]:
        self.asked.append(asked)
        if self.gone_at == asked:
            self.held.pop(container, None)
        if container not in self.held:
            return _json(404, {"message": f"No such container: {container}"})
        if asked == "remove":
            del self.held[container]
        error = {"Error": {"Message": self.wait_error}} if self.wait_error else {}
        return {
            "json": _json(
                200, {"Id": container, "Config": {"Tty": False, "Image": IMAGE}, "State": {}, "Image": "sha256:1"}
            ),
            "start": (204, b""),
            "logs": (200, struct.pack(">BxxxL", 1, len(self.output)) + self.output),
            "wait": _json(200, {"StatusCode": self.exit_code, **error}),
            "remove": (204, b""),
        }[asked]


def _labels(made: dict[str, Any]) -> list[str]:
    return [f"{name}={value}" for name, value in made["Labels"].items()]


def _json(status: int, content: Any) -> tuple[int, bytes]:
    return status, json.dumps(content).encode()


@contextmanager
def docker_server(server: DockerServer) -> Iterator[DockerServer]:
    """On a free port of this machine while the block lasts; its address is one for DOCKER_HOST."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listening.daemon_threads = True
    server.url = f"tcp://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def _handler(server: DockerServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = server.answer(
                self.command, parts.path, parse_qs(parts.query), json.loads(raw) if raw else None
            )
            if server.cut_at and parts.path.endswith(server.cut_at):
                if server.cut_at == "logs":  # in the middle of what it says
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body) + 100))
                    self.end_headers()
                    self.wfile.write(body)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = handle_any  # noqa: N815

    return Handler
