"""Take the messages out of a connection behind paho's socket, many at a time, and acknowledge many by one write.

paho asks its TLS context for a socket and speaks through it: :class:`TappedContext`, given by ``tls_set_context``,
gives a :class:`Tap`. It keeps all PUBLISH packets (MQTT 3.1.1, section 3.3) and hands paho every other packet: paho
connects, subscribes, keeps the connection alive and connects again, and never sees a message.
"""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from firmware_profiles.link.publish_stream import Delivery, PublishStream, StreamError

log = structlog.get_logger(__name__)

PIECE = 64 * 1024
"""Bytes that are asked of the socket at once; TLS gives a record at a time, of 16 KiB at most."""
TURN_BYTES = 512 * 1024
"""Bytes of one turn, after which paho looks after its timers and other packets."""
_PUBACK = struct.Struct("!BBH")
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Take = Callable[[list[Delivery], "Tap"], None]
"""Called in paho's thread with the messages of a turn and the connection that they came by; it may wait."""


class Tap:
    """The socket that paho gets: one connection.

    Only paho's thread reads; :meth:`send` and :meth:`acknowledge` may be called by any. All that has no method here is
    the socket's own.
    """

    def __init__(self, sock: socket.socket, take: Take, gather_s: float = 0) -> None:
        self._sock, self._take, self._gather_s = sock, take, gather_s
        self._stream = PublishStream()
        self._others = b""
        self._unsent = bytearray()
        # OpenSSL's objects bear one call at a time; the socket does not wait, so that no call lasts
        self._one = threading.Lock()
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def do_handshake(self) -> None:
        """Agree on TLS, where there is any."""
        if isinstance(self._sock, ssl.SSLSocket):
            self._sock.do_handshake()

    def recv(self, size: int) -> bytes:
        """Read for paho: bytes of packets that are no messages.

        Raises BlockingIOError where there are none now, ConnectionError where the broker does not speak MQTT.
        """
        if not self._others:
            self._read()
        if not self._others:
            if self._ended:
                return b""
            raise BlockingIOError
        piece, self._others = self._others[:size], self._others[size:]
        return piece

    def _read(self) -> None:
        if self._gather_s:
            time.sleep(self._gather_s)
        taken: list[Delivery] = []
        others: list[bytes] = []
        size = 0
        try:
            while size < TURN_BYTES:
                with self._one:
                    data = self._sock.recv(PIECE)
                if not data:
                    self._ended = True
                    break
                size += len(data)
                messages, rest = self._stream.feed(data)
                taken += messages
                others.append(rest)
        except _NOT_NOW:
            pass
        except StreamError as error:
            log.error("the broker sends what is no MQTT", reason=str(error))
            raise ConnectionError(str(error)) from error
        self._others = b"".join(others)
        if taken:
            self._take(taken, self)

    def pending(self) -> int:
        """Bytes that can be read without waiting for the network."""
        return len(self._others) + (self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0)

    def send(self, data: bytes) -> int:
        """Take a packet of paho's as a whole; what the socket does not take now goes by :meth:`flush`.

        In any thread: that the connection has ended is for paho's to find, which then ends it in order.
        """
        with contextlib.suppress(OSError):
            self._put(data)
        return len(data)

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Send a PUBACK for each (MQTT 3.1.1, section 3.4), all together.

        On a connection that has ended nothing is sent: the broker gives these messages again by the next one.
        """
        packets = b"".join([_PUBACK.pack(0x40, 2, mid) for mid in mids])
        if packets:
            try:
                self._put(packets)
            except OSError:
                return  # paho's thread sees the same

    @property
    def unsent(self) -> int:
        """Bytes that wait for the socket: :meth:`flush` is due when it can be written."""
        return len(self._unsent)

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it. Raises OSError where the connection has ended."""
        self._put(b"")

    def hang_up(self) -> None:
        """End the connection without TLS's farewell, from any thread. Raises OSError where it has ended."""
        socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _put(self, data: bytes) -> None:
        with self._one:
            self._unsent += data
            try:
                while self._unsent:
                    del self._unsent[: self._sock.send(self._unsent)]
            except _NOT_NOW:
                return


class TappedContext:
    """Stands in for the TLS context of a paho client: ``context`` within, or none for a broker without TLS.

    ``context`` may be replaced: the next connection uses it. ``gather_s`` is waited before each reading, so that small
    messages gather.
    """

    check_hostname = True
    """The context within has looked, or there is no name to look at; paho must not."""

    def __init__(self, context: ssl.SSLContext | None, take: Take, gather_s: float = 0) -> None:
        self.context, self._take, self._gather_s = context, take, gather_s

    def wrap_socket(self, sock: socket.socket, **asked: Any) -> Tap:
        """Called by paho for each connection."""
        inner = sock if self.context is None else self.context.wrap_socket(sock, **asked)
        return Tap(inner, self._take, self._gather_s)
