"""Look after the connections of a process: take renewed certificates into use, and log in words why one fails.

One thread for all of a process's connections, so that a look at the network never delays a message.
"""

import datetime as dt
import queue
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import paho.mqtt.client as paho
import structlog

from firmware_profiles.link import tls
from firmware_profiles.link.publish_tap import Tap, TappedContext
from firmware_profiles.link.tls import Broker

log = structlog.get_logger(__name__)

LOOK_S = 60.0
"""A renewed file is in use after so long at the latest; at once where the broker refuses the old one."""
TELL_S = 3600.0
"""How often the ends of the certificates are told."""
REMIND_S = 600.0
"""The same words are logged again after this time."""

_UNSPECIFIED = "Unspecified error"


def words(reason: object) -> str:
    """A reason of paho's for people: its "Unspecified error" only means that the connection broke."""
    text = str(reason)
    return "the connection broke" if text == _UNSPECIFIED else text


class ConnectionWatch:
    """The watched connections of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int, tuple[paho.Client, Broker, tuple[int, ...]]] = {}
        self._failed: queue.SimpleQueue[Broker | None] = queue.SimpleQueue()
        self._said: dict[Broker, tuple[str, float]] = {}
        self._thread: threading.Thread | None = None
        self._tell: Callable[[Mapping[str, dt.datetime]], None] | None = None
        self._told = -TELL_S

    def tell_ends(self, tell: Callable[[Mapping[str, dt.datetime]], None]) -> None:
        """Have ``tell`` called, in the watch's thread, with the ends of all certificates, by holder: a minute after the
        start, then each hour."""
        self._tell = tell

    def add(self, client: paho.Client, broker: Broker) -> None:
        """Watch a connection that is about to be started; its callbacks are set."""
        with self._lock:
            self._watched[id(client)] = (client, broker, tls.stamp(broker))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="connection watch", daemon=True)
                self._thread.start()
        accepted = False
        connected: Any = client.on_connect
        disconnected: Any = client.on_disconnect
        failed: Any = client.on_connect_fail

        def on_connect(c: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
            nonlocal accepted
            accepted = not reason.is_failure
            if accepted:
                self._said.pop(broker, None)
            else:
                self._failed.put(broker)
            if connected is not None:
                connected(c, userdata, flags, reason, properties)

        def on_disconnect(c: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
            nonlocal accepted
            if not accepted and reason.is_failure:  # hung up before it let us in: TLS 1.3 refuses certificates so
                self._failed.put(broker)
            accepted = False
            if disconnected is not None:
                disconnected(c, userdata, flags, reason, properties)

        def on_connect_fail(c: paho.Client, userdata: Any) -> None:
            error = sys.exception()  # paho calls this where it caught it
            if isinstance(error, ssl.SSLError):
                self._failed.put(broker)
            elif error is not None:
                self._say(broker, f"{broker.host}:{broker.port} cannot be reached: {error}")
            if failed is not None:
                failed(c, userdata)

        client.on_connect, client.on_disconnect, client.on_connect_fail = on_connect, on_disconnect, on_connect_fail

    def remove(self, client: paho.Client) -> None:
        with self._lock:
            self._watched.pop(id(client), None)

    def look(self) -> None:
        """Take the renewed files of every connection into use, where the broker takes them.

        The broker is asked first by a connection of its own: while the old certificate is good, a wrong file must not
        end a connection that works.
        """
        with self._lock:
            watched = list(self._watched.items())
        for key, (client, broker, before) in watched:
            now = tls.stamp(broker)
            if now == before or broker.ca is None:
                continue
            fault = tls.explain(broker)
            if fault:
                self._say(broker, f"the renewed certificate is not taken, the old one stays in use: {fault}")
                continue
            with self._lock:
                if key not in self._watched:
                    continue
                self._watched[key] = (client, broker, now)
            context: Any = client._ssl_context
            if isinstance(context, TappedContext):
                context.context = tls.make_context(broker)
            else:
                client._ssl_context = tls.make_context(broker)
            log.info("renewed certificate in use", broker=f"{broker.host}:{broker.port}", file=str(broker.cert))
            hang_up(client)  # paho's thread connects again, with the new one

    def tell_now(self) -> None:
        """Tell the ends of the certificates of all connections."""
        with self._lock:
            brokers = {broker for _, broker, _ in self._watched.values()}
        ends = {holder: end for broker in brokers for holder, end in tls.ends(broker).items()}
        if self._tell is not None and ends:
            self._tell(ends)

    def _run(self) -> None:
        looked = time.monotonic()
        while True:
            try:
                broker = self._failed.get(timeout=max(0.0, looked + LOOK_S - time.monotonic()))
                self._take_renewed()
                if broker is not None and self._is_due(broker):
                    fault = tls.explain(broker)
                    if fault:
                        self._say(broker, fault)
            except queue.Empty:
                looked = time.monotonic()
                self._look_safely()
            except Exception:  # this thread must live
                log.exception("the connection cannot be explained")

    def _take_renewed(self) -> None:
        try:
            self.look()
        except (OSError, ValueError) as error:  # half-written files: at the next look they are whole
            log.warning("renewed files cannot be read yet", error=str(error))

    def _look_safely(self) -> None:
        self._take_renewed()
        if time.monotonic() - self._told >= TELL_S:
            self.tell_now()
            self._told = time.monotonic()

    def _is_due(self, broker: Broker) -> bool:
        said = self._said.get(broker)
        return said is None or time.monotonic() - said[1] > LOOK_S / 4

    def _say(self, broker: Broker, text: str) -> None:
        said = self._said.get(broker)
        now = time.monotonic()
        if said is None or said[0] != text or now - said[1] > REMIND_S:
            self._said[broker] = (text, now)
            log.error("no connection to the broker", reason=text)


def hang_up(client: paho.Client) -> None:
    """Close the socket; paho's thread makes a new connection."""
    sock: Any = client.socket()
    if sock is not None:
        try:
            if isinstance(sock, Tap):
                sock.hang_up()
            else:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            return  # ended by itself meanwhile


WATCH = ConnectionWatch()
"""The process's own."""
