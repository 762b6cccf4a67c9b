"""Serve the enrolment page to a hostile network: no connection lasts, none keeps others out; a renewed pair is used."""

import asyncio
import contextlib
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from observability.liveness import Part

log = structlog.get_logger(__name__)

LASTS_S = 20.0
"""A connection ends after so long, whatever it does: before TLS, amid a head, amid a body. An enrolment takes one."""
PLACES, PLACES_EACH = 100, 10
"""Connections at once, of all and of one address. Where all places are taken the oldest connection gives way, so that
idle ones keep nobody out."""
LOOK_S = 1.0
RETRY_S = 5.0


class Guest(socket.socket):
    """An accepted connection, which leaves its place when it is closed."""

    door: "Door"
    host: str

    def close(self) -> None:
        """Close it."""
        self.door.leave(self)
        super().close()

    def put_out(self) -> None:
        """End the connection; the event loop closes it when it reads the end."""
        self.door.leave(self)
        with contextlib.suppress(OSError):  # it has ended by itself
            self.shutdown(socket.SHUT_RDWR)


class Door(socket.socket):
    """A listening socket that gives places. It is used from the thread of one event loop.

    Raises OSError where the address cannot be used.
    """

    lasts_s = LASTS_S

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__(family, socket.SOCK_STREAM)
        self._guests: dict[Guest, None] = {}  # in the order in which they came
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind((host, port))
        except OSError:
            self.close()
            raise

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection; it ends after ``lasts_s``."""
        conn, address = super().accept()
        guest = Guest(conn.family, conn.type, conn.proto, fileno=conn.detach())
        guest.door, guest.host = self, str(address[0])
        neighbours = [one for one in self._guests if one.host == guest.host]
        if len(neighbours) >= PLACES_EACH:
            neighbours[0].put_out()
        elif len(self._guests) >= PLACES:
            next(iter(self._guests)).put_out()
        self._guests[guest] = None
        asyncio.get_running_loop().call_later(self.lasts_s, self._time_is_over, guest)
        return guest, address

    def leave(self, guest: Guest) -> None:
        """Give the place to somebody else."""
        self._guests.pop(guest, None)

    def _time_is_over(self, guest: Guest) -> None:
        if guest in self._guests:
            guest.put_out()


class Pair:
    """A server's certificate and key, as files that are renewed in place."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = (cert, key)
        self._stamp: tuple[int, ...] = ()

    def load(self, context: ssl.SSLContext) -> bool:
        """Use the pair from the next connection on; False where it is the one in use.

        Raises OSError (ssl.SSLError too) where it is not whole; the one before stays in use then.
        """
        stamp = tuple(file.stat().st_mtime_ns for file in self._files)
        if stamp == self._stamp:
            return False
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._files)  # a key of another one would stay loaded
        context.load_cert_chain(*self._files)
        self._stamp = stamp
        return True


def serve_page(app: ASGIApp, host: str, port: int, pair: Pair, stop: threading.Event, part: Part) -> None:
    """Serve until ``stop``. Where the port or the pair cannot be used it is tried again: renewals go on meanwhile."""
    while not stop.is_set():
        try:
            with Door(host, port) as door:
                asyncio.run(_serve(app, door, pair, stop, part))
        except OSError as error:
            log.error("nobody can enrol", address=f"{host}:{port}", reason=str(error))
            part.held_up(f"{host}:{port}: {error}")
            stop.wait(RETRY_S)


async def _serve(app: ASGIApp, door: Door, pair: Pair, stop: threading.Event, part: Part) -> None:
    config = uvicorn.Config(
        app, log_level="warning", log_config=None, access_log=False, server_header=False, proxy_headers=False,
        lifespan="off", loop="asyncio", http="h11", ws="none", timeout_keep_alive=5, timeout_graceful_shutdown=3,
    )  # fmt: skip
    config.load()
    config.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    pair.load(config.ssl)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([door]))
    while not serving.done():
        if stop.is_set():
            server.should_exit = True
        elif _renewed(pair, config.ssl):
            log.info("renewed certificate in use", page="enrolment")
        part.turned()
        await asyncio.wait({serving}, timeout=LOOK_S)
    await serving


def _renewed(pair: Pair, context: ssl.SSLContext) -> bool:
    try:
        return pair.load(context)
    except OSError as error:  # half-written: at the next look it is whole
        log.warning("the renewed pair of the enrolment page is not taken yet", reason=str(error))
        return False
