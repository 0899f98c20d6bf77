"""Collectors that answer something else than they should."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from serinus.adapters.collector_quality import CollectorQuality
from serinus.core.errors import QualityUnavailable
from tests.adapters.collector_server import collector_server
from tests.adapters.test_quality_contract import KEY, comparing, watching

pytestmark = pytest.mark.anyio


class Odd(ThreadingHTTPServer):
    """Answers what it is told; does not answer at all while `released` is not set."""

    daemon_threads = True
    status, content = 200, b""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.paths: list[str] = []
        self.tokens: list[str | None] = []
        super().__init__(("127.0.0.1", 0), OddHandler)


class OddHandler(BaseHTTPRequestHandler):
    server: Odd

    def do_POST(self) -> None:
        self.server.paths.append(self.path)
        self.server.tokens.append(self.headers["authorization"])
        self.rfile.read(int(self.headers["content-length"]))
        if self.server.status == 0:
            self.server.released.wait(20)
            return
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def odd() -> Iterator[Odd]:
    server = Odd()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (404, b"no such page", "answered 404: no such page"),
        (422, b'{"error": "bound: too small"}', "bound: too small"),
        (500, b"", "answered 500: nothing more"),
        (307, b"", "answered 307"),
        (200, b"<html>log in</html>", "answered what is no Comparison"),
        (200, b'{"at": "now", "paired": true}', "at:"),
        (200, b'{"at": "2026-01-01T00:00:00Z", "paired": true, "cohorts": [{"rows": -1}]}', "cohorts.0.start"),
    ],
)
async def test_an_answer_that_is_none_is_told_with_the_address_and_what_was_said(odd: Odd, status, content, words):
    odd.status, odd.content = status, content
    with pytest.raises(QualityUnavailable) as raised:
        await source(odd).compare(KEY, comparing())
    assert words in str(raised.value)
    assert f"http://127.0.0.1:{odd.server_port}/v1/deployments/ml/flights/comparison" in str(raised.value)
    assert odd.paths == ["/v1/deployments/ml/flights/comparison"]


async def test_a_collector_that_never_answers_is_given_up(odd: Odd):
    odd.status = 0
    with pytest.raises(QualityUnavailable, match=r"cannot be asked"):
        await source(odd, timeout_seconds=0.2).watch(KEY, watching())


async def test_an_address_that_is_none_is_told():
    with pytest.raises(QualityUnavailable, match=r"cannot be asked|no address"):
        await CollectorQuality("collector:8090").watch(KEY, watching())


async def test_the_token_is_read_at_each_question(odd: Odd, tmp_path: Path):
    odd.content = b'{"at": "2026-01-01T00:00:00Z", "cohorts": []}'
    token = tmp_path / "token"
    asking = source(odd, token_file=str(token))
    for one in ("first", "second\n", "dritter-ß"):
        token.write_text(one, encoding="utf-8")
        await asking.watch(KEY, watching())
    await source(odd).watch(KEY, watching())
    assert odd.tokens[:2] == ["Bearer first", "Bearer second"]
    assert odd.tokens[2].encode("latin-1").decode() == "Bearer dritter-ß"
    assert odd.tokens[3] is None


async def test_a_token_that_cannot_be_read_is_told_with_its_file(odd: Odd, tmp_path: Path):
    with pytest.raises(QualityUnavailable, match=r"cannot be read from .*/none"):
        await source(odd, token_file=str(tmp_path / "none")).watch(KEY, watching())
    assert odd.paths == []


@pytest.mark.parametrize("token", ["s3cret\nlines", "\n"])
async def test_a_token_that_cannot_be_sent_is_told_and_not_shown(odd: Odd, tmp_path: Path, token: str):
    (tmp_path / "token").write_text(token, encoding="utf-8")
    with pytest.raises(QualityUnavailable, match="write one line of text into") as raised:
        await source(odd, token_file=str(tmp_path / "token")).watch(KEY, watching())
    assert "s3cret" not in str(raised.value)
    assert odd.paths == []


async def test_a_token_that_the_collector_does_not_know_is_told(tmp_path: Path):
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    theirs.write_text("s3cret", encoding="utf-8")
    mine.write_text("another", encoding="utf-8")
    with (
        collector_server(tmp_path, str(theirs)) as server,
        pytest.raises(QualityUnavailable, match=r"answered 401: .*Bearer TOKEN"),
    ):
        await CollectorQuality(server.url, token_file=str(mine)).watch(KEY, watching())


def source(odd: Odd, **options) -> CollectorQuality:
    return CollectorQuality(f"http://127.0.0.1:{odd.server_port}/", **options)
