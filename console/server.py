"""The console's HTTP server: uvicorn, and a limit to the time that a request's head may take."""

import asyncio
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from console.settings import ConsoleSettings

HEAD_S = 20.0
"""From the connection, or the last answer, to the end of the next request's head; Apache's mod_reqtimeout has 20."""
LARGEST_MESSAGE = 4096
"""Bytes of a message on the live socket: browsers send none, and answers to pings have 125 at most."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection whose next request does not arrive in time; uvicorn has no such limit."""

    head_s = HEAD_S
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def _watch(self) -> None:
        """Start the clock while a head, or the rest of an unread body, is awaited; stop it otherwise."""
        awaited = self.conn.their_state is h11.IDLE or self.conn.our_state in (h11.DONE, h11.MUST_CLOSE)
        if not awaited or self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._unwatch()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_s, self.transport.abort)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def make_server(
    app: ASGIApp, settings: ConsoleSettings, protocol: type[asyncio.Protocol] = PatientProtocol
) -> uvicorn.Server:
    """The server as the console runs it, not yet started."""
    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "log_level": "warning",
        "log_config": None,  # ours, in the same form as all other lines
        "access_log": False,  # addresses of pages name residents
        "server_header": False,
        "proxy_headers": bool(settings.trusted_proxy),
        "forwarded_allow_ips": settings.trusted_proxy,
        "timeout_graceful_shutdown": 3,
        "http": protocol,
        "ws": "websockets-sansio",
        "ws_max_size": LARGEST_MESSAGE,
    }
    return uvicorn.Server(uvicorn.Config(app, **options))
