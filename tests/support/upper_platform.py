"""A small platform above, over real HTTP: takes packages once and in order, and misbehaves as it is told to."""

import hashlib
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from care_services.reporting.packages import counter_sign
from database.rights.checkpoints import public_of

FAULTS = ("refuse", "busy", "later", "conflict", "silent", "taken_silent", "taken_500", "half", "garbage",
          "portal")  # fmt: skip
"""refuse: 400; busy: 503; later: 429 with Retry-After; conflict: 409; silent: no answer, nothing taken; taken_silent
and taken_500: the package is taken and the answer lost or wrong; half: taken, and the answer breaks off; garbage: not
taken, and the answer is no HTTP; portal: not taken, and somebody else's page answers with 200."""
RECEIPTS = ("other_receipt", "wrong_key")
"""Taken, and the answer is the counter-signature of another package, or by another key."""


class UpperPlatform:
    """Accepted packages by number, in the order in which they were taken; faults are used up one a request."""

    def __init__(self) -> None:
        self.accepted: list[int] = []
        self.bodies: dict[str, bytes] = {}
        self.wrong: list[str] = []
        self.faults: deque[str] = deque()
        self.requests = 0
        self.receipts: list[bytes] = []
        self.key: Ed25519PrivateKey | None = None
        self.district_key = ""
        self.release = threading.Event()
        """Set at the end: requests that hang go on."""
        self.url = ""

    def take(self, headers: Any, body: bytes) -> None:
        """Take a package, unless its key is known; write down what a strict receiver would not accept."""
        key, number = headers["Idempotency-Key"], int(headers["Report-Number"])
        if f"sha-256=:{b64encode(hashlib.sha256(body).digest()).decode()}:" != headers["Content-Digest"]:
            self.wrong.append(f"digest of {number}")
        if key in self.bodies:
            if self.bodies[key] != body:
                self.wrong.append(f"another body under the key of {number}")
            return
        # What was taken and not answered the other side cannot count as delivered.
        if int(headers["Report-Previous"]) > (self.accepted[-1] if self.accepted else 0):
            self.wrong.append(f"{number} before {headers['Report-Previous']}")
        self.bodies[key] = body
        self.accepted.append(number)


@contextmanager
def upper_platform() -> Iterator[UpperPlatform]:
    """Serve it on a free port of the loopback until the end of the block."""
    platform = UpperPlatform()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            platform.requests += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fault = platform.faults.popleft() if platform.faults else ""
            if fault == "hang":
                platform.take(self.headers, body)
                platform.release.wait(10)
                return
            if fault.startswith("taken") or fault in ("", "half", *RECEIPTS):
                platform.take(self.headers, body)
            match fault:
                case "refuse":
                    self.answer(400, "列数不符".encode())
                case "busy":
                    self.answer(503)
                case "later":
                    self.answer(429, headers={"Retry-After": "600"})
                case "conflict":
                    self.answer(409)
                case "garbage":
                    self.wfile.write(b"\x00\xff<garbage>\r\n\r\n")
                    self.close_connection = True
                case "redirect":
                    self.answer(307, headers={"Location": "http://localhost:1/elsewhere"})
                case "silent" | "taken_silent":
                    self.close_connection = True
                case "taken_500":
                    self.answer(500)
                case "portal":
                    self.answer(200, "<html>请登录网络</html>".encode())
                case "wrong_key":
                    self.answer(200, counter_sign(body, platform.district_key, Ed25519PrivateKey.generate()))
                case "other_receipt":
                    self.answer(200, platform.receipts[-1] if platform.receipts else b'{"signature": "AAAA"}')
                case "half":
                    self.send_response(200)
                    self.send_header("Content-Length", "100")
                    self.end_headers()
                    self.wfile.write(b"{")
                    self.close_connection = True
                case _:
                    signed = counter_sign(body, platform.district_key, platform.key) if platform.key else b""
                    platform.receipts.append(signed)
                    self.answer(200, signed)

        def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    platform.url = f"http://127.0.0.1:{server.server_port}/packages"
    try:
        yield platform
    finally:
        platform.release.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


def with_key(platform: UpperPlatform, district: Ed25519PrivateKey) -> str:
    """Let it counter-sign; returns its public key."""
    platform.key, platform.district_key = Ed25519PrivateKey.generate(), public_of(district)
    return public_of(platform.key)
