"""A provider of SMS and calls over HTTP that remembers what it was handed, and when."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

CHANNELS = """
[channels.sms]
adapter = "http"
timeout_s = 5
workers = 8
[channels.sms.options]
url = "{url}/sms"
json = {{ to = "{{address}}", text = "{{text}}" }}
success = {{ code = [0] }}

[order]
staff = ["sms"]
contact = ["sms"]
organisation = ["sms"]
service = ["sms"]

[services.120]
name_zh = "120 急救中心"
name_en = "120 emergency medical service"
phone = "120"

[ceiling]
emergencies = 1000000
"""
"""The channels file of a drill. No ceiling: the account counts each alert's own message."""


class Arrival(NamedTuple):
    """A message as the provider got it; ``key``: its idempotency key, the same at each repetition."""

    key: str
    at_us: int


class SmsReceiver:
    """The provider, on a loopback port; use as a context manager. A repeated key is sent to nobody again."""

    def __init__(self) -> None:
        self.arrivals: list[Arrival] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.arrivals.append(Arrival(self.headers.get("Idempotency-Key", ""), time.time_ns() // 1000))
                body = json.dumps({"code": 0}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: the ledger has it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="sms receiver", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "SmsReceiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
