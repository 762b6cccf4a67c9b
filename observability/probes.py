"""Answer ``/live``, ``/ready`` and ``/metrics`` by HTTP, for supervisors and for Prometheus."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import structlog

from observability.liveness import Liveness, live, ready
from observability.settings import ProbeSettings

log = structlog.get_logger(__name__)

TIMEOUT_S = 5.0
"""A client that says nothing for so long is cut off."""


@contextlib.contextmanager
def listening(service: str, liveness: Liveness, settings: ProbeSettings) -> Iterator[int | None]:
    """Serve the probes inside the block; gives their port. None where they are off, or the port is taken: a service
    that lives hang on does not stop for that."""
    if settings.port is None:
        yield None
        return
    try:
        server = _Server((settings.host, settings.port), _handler(service, liveness))
    except OSError as error:
        log.error("no probes: the port cannot be used", port=settings.port, reason=str(error))
        yield None
        return
    thread = threading.Thread(target=server.serve_forever, args=(0.2,), name="probes", daemon=True)
    thread.start()
    port = int(server.server_address[1])
    log.info("probes", service=service, host=settings.host, port=port)
    try:
        yield port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a client that hung up alone."""
        log.debug("a probe hung up")


def _handler(service: str, liveness: Liveness) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT_S
        server_version, sys_version = "shouwang", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                from observability.exposition import expose  # a gateway without probes needs no metrics

                text, kind = expose(service, liveness)
                self._answer(200, text, kind)
                return
            judge = {"/live": live, "/ready": ready}.get(path)
            if judge is None:
                self._answer(404, b"/live, /ready, /metrics\n", "text/plain")
                return
            findings = liveness.look()
            good = judge(findings)
            body = {"service": service, path[1:]: good, "parts": findings}
            self._answer(200 if good else 503, msgspec.json.encode(body) + b"\n", "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Log no request: there is one every few seconds."""

    return Handler
