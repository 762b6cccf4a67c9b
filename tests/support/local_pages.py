"""A platform beside that offers tables over HTTP: it gives the answers that it was told to, one a request."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class PagesBeside:
    """``answers``: (status, headers, body); ``asked``: path and headers of each request."""

    def __init__(self) -> None:
        self.answers: deque[tuple[int, Mapping[str, str], bytes]] = deque()
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.url = ""


@contextmanager
def pages_beside() -> Iterator[PagesBeside]:
    """Serve it on a free port of the loopback until the end of the block."""
    beside = PagesBeside()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            beside.asked.append((self.path, dict(self.headers.items())))
            status, headers, body = beside.answers.popleft()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    beside.url = f"http://127.0.0.1:{server.server_port}/register"
    try:
        yield beside
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
