"""Real servers on loopback that stand at the other end of channels: they answer, refuse, stall, trickle, remember."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Request(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    def json(self) -> Any:
        return json.loads(self.body)


class Answer(NamedTuple):
    status: int = 200
    body: object = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed


class HttpPeer:
    """A gateway. ``answer`` decides; ``stalled`` requests wait until ``let_go``; each is remembered, in order."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _: Answer(200, {"code": 0, "id": "n-1"})
        self.stall: Callable[[Request], bool] = lambda _: False
        self.trickle = False
        self._go = threading.Event()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, self.rfile.read(length))
                peer.requests.append(request)
                try:
                    self._reply(request)
                except OSError:
                    self.close_connection = True  # who asked has gone

            do_PUT = do_GET = do_POST  # noqa: N815 - the names that the library looks for

            def _reply(self, request: Request) -> None:
                if peer.trickle:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    while not peer._go.wait(0.2):
                        self.wfile.write(b"X-More: of nothing\r\n")
                    return
                if peer.stall(request):
                    peer._go.wait(60)
                    return
                answer = peer.answer(request)
                body = json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: tests look at ``requests``."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def keys(self) -> list[str]:
        return [request.key for request in self.requests]

    def let_go(self) -> None:
        self._go.set()

    def stop(self) -> None:
        self._go.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def http_peer() -> Iterator[HttpPeer]:
    peer = HttpPeer()
    try:
        yield peer
    finally:
        peer.stop()


class Mailbox:
    """An SMTP server's handler: keeps mails, and refuses the addresses that a test names."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 OK"


@contextmanager
def smtp_peer() -> Iterator[tuple[Mailbox, int]]:
    """A mailbox and the port of its server."""
    box = Mailbox()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, port
    finally:
        controller.stop()
