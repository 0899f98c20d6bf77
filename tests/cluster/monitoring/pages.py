"""A metrics page whose text a test writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Page(ThreadingHTTPServer):
    """Answers every request with `text`."""

    text = ""
    daemon_threads = True

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        body = self.server.text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: pages are asked several times a second."""


@contextmanager
def page(text: str = "") -> Iterator[Page]:
    """One at a free port, until the block ends."""
    server = Page(("127.0.0.1", 0), _Handler)
    server.text = text
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
