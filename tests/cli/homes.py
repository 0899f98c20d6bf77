"""Homes for tests: one in memory, and an API server that answers what it is told."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from serinus.cli.homes import Found
from serinus.core.observation import Verb
from serinus.core.state import RolloutRecord, RolloutState
from serinus.core.status import object_of
from serinus.ports import Key
from tests.fakes.world import KEY, World, deployment


def found(state: RolloutState, asked: str = "", **changes: Any) -> Found:
    """A state as a home finds it."""
    content = deployment()
    values = {"key": KEY, "manifest": object_of(content, state), "state": state, "spec": content.spec, "asked": asked}
    return Found(**{**values, **changes})


def found_in(world: World) -> Found:
    return found(world.state, spec=world.asked.spec)


@dataclass
class ScriptedHome:
    """Answers each read with the next of its script (the last one for ever); an error in it is raised."""

    script: Sequence[Found | Exception]
    nobody: str = ""
    poll_seconds: float = 0.0
    label: str = "home"
    reads: int = 0

    def find(self, name: str) -> Found:
        return self.read(KEY)

    def read(self, key: Key) -> Found:
        answer = self.script[min(self.reads, len(self.script) - 1)]
        self.reads += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def all(self) -> tuple[Found, ...]:
        return (self.read(KEY),)

    def ask(self, key: Key, verb: Verb, rollout_id: str, reason: str = "") -> str:
        return "nonce"

    def records(self, one: Found) -> tuple[RolloutRecord, ...]:
        return one.state.history

    def command(self, words: str, key: Key) -> str:
        return f"serinus {words} {key.name}"

    def nobody_works(self) -> str:
        return self.nobody


Answer = tuple[int, str | dict[str, Any]]


@dataclass
class StubServer:
    """What it answers, by path; and every request it got."""

    answer: Callable[[str, str], Answer]
    requests: list[tuple[str, str, str, str]] = field(default_factory=list)
    url: str = ""

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        """A kubeconfig that leads here."""
        path = folder / "kubeconfig"
        content = {
            "clusters": [{"name": "stub", "cluster": {"server": self.url}}],
            "users": [{"name": "ann", "user": user or {"token": "t"}}],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "ann", "namespace": "ml"}}],
            "current-context": "stub",
        }
        path.write_text(yaml.safe_dump(content))
        return path


@contextmanager
def stub_server(answer: Callable[[str, str], Answer]) -> Iterator[StubServer]:
    """An HTTP server on a free loopback port while the block lasts."""
    stub = StubServer(answer)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            stub.requests.append((self.command, self.path, self.headers.get("Authorization", ""), body))
            code, content = stub.answer(self.command, self.path)
            text = content if isinstance(content, str) else json.dumps(content)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
