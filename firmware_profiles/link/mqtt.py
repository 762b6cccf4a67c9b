"""Connect any program of the project to the broker: MQTT 3.1.1, TLS, no Nagle delay, reconnect with backoff."""

import contextlib
import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from firmware_profiles.link import tls
from firmware_profiles.link.connection_watch import WATCH
from firmware_profiles.link.connection_watch import words as words
from firmware_profiles.link.publish_tap import Take, Tap, TappedContext
from firmware_profiles.link.tls import Broker as Broker
from observability.liveness import Part

log = structlog.get_logger(__name__)

END_TIMEOUT_S = 20.0
KEEPALIVE_S = 20
"""After twice this time without a message the broker sends the last will."""


class Will(msgspec.Struct, frozen=True):
    """The message that the broker publishes (QoS 1, retained) when the connection ends without a disconnect."""

    topic: str
    payload: bytes


class WatchedClient(paho.Client):
    """A client whose network thread reports to a :class:`~observability.liveness.Part`.

    paho's own thread ends at the first exception that is no socket's, and says nothing: a process without it hears
    nobody and looks alive. paho itself ends a connection whose broker leaves a PINGREQ unanswered for KEEPALIVE_S.
    """

    part: Part | None = None

    def _loop(self, timeout: float = 1.0) -> MQTTErrorCode:
        """Wait for the socket and serve it once, as paho does, but with poll(): select() takes none above 1023.

        A console with a thousand open pages would never get its broker back, without a word.
        """
        sock: Any = self.socket()
        waker = self._sockpairR
        if sock is None or waker is None:
            return super()._loop(timeout)
        waiting = select.poll()
        try:
            waiting.register(waker, select.POLLIN)
            unsent = isinstance(sock, Tap) and sock.unsent > 0
            waiting.register(sock, select.POLLIN | (select.POLLOUT if self.want_write() or unsent else 0))
            unread = isinstance(sock, ssl.SSLSocket | Tap) and sock.pending() > 0
            ready = dict(waiting.poll(0 if unread else timeout * 1000))
            events, woken = ready.get(sock.fileno(), 0), waker.fileno() in ready
        except (ValueError, OSError):  # closed meanwhile: paho tells a lost connection from one that we end
            return super()._loop(timeout)
        if unread or events & ~select.POLLOUT:
            code = self.loop_read()
            if code or self.socket() is None:
                return code
        if woken:  # somebody has put a packet into the queue
            with contextlib.suppress(BlockingIOError):
                waker.recv(10_000)
        if isinstance(sock, Tap) and events & select.POLLOUT:
            try:
                sock.flush()
            except OSError:
                return super()._loop(timeout)
        if woken or events & select.POLLOUT:
            code = self.loop_write()
            if code or self.socket() is None:
                return code
        return self.loop_misc()

    def publish_now(self, topic: str, payload: bytes) -> paho.MQTTMessageInfo:
        """Publish with QoS 1, in this thread where possible: to wake paho's takes a fifth of a millisecond.

        A :class:`Tap` takes whole packets, so that two threads may write.
        """
        told = self.publish(topic, payload, qos=1)
        if isinstance(self.socket(), Tap) and self.is_connected():
            self.loop_write()
        return told

    def turned(self) -> None:
        """Report that the network thread is at work; for callbacks that wait long, too."""
        if self.part is not None and self.is_connected():
            self.part.turned()

    def loop_misc(self) -> MQTTErrorCode:
        """Look after the timers; paho does so in each turn of its loop, at least once a second."""
        self.turned()
        return super().loop_misc()

    def reconnect(self) -> MQTTErrorCode:
        """Connect; paho's thread does so again and again while the broker is away."""
        if self.part is not None:
            self.part.held_up(f"not connected to the broker at {self.host}:{self.port}")
        return super().reconnect()

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Run the network loop; the body of the thread that ``loop_start`` starts."""
        if self.part is None:
            return super().loop_forever(timeout, retry_first_connection)
        self.part.run(lambda: super(WatchedClient, self).loop_forever(timeout, retry_first_connection))
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def make_client(
    broker: Broker,
    client_id: str,
    *,
    clean: bool,
    will: Will | None = None,
    manual_ack: bool = False,
    take: Take | None = None,
    gather_s: float = 0,
) -> WatchedClient:
    """A paho client, not yet connected; set its callbacks, then call :func:`start`.

    With ``take`` the messages do not come by ``on_message``, one by one and acknowledged by paho, but many at once, to
    be acknowledged by the connection that they came by; ``gather_s`` is how long the small ones may gather (see
    :mod:`~firmware_profiles.link.publish_tap`). ``client_id`` names the session; with a private key it gets a suffix
    (:func:`session_name`). Raises OSError or ssl.SSLError where a certificate file cannot be read.
    """
    client = WatchedClient(
        CallbackAPIVersion.VERSION2,
        client_id=session_name(broker, client_id),
        clean_session=clean,
        protocol=paho.MQTTv311,
        manual_ack=manual_ack,
    )
    client.reconnect_delay_set(min_delay=1, max_delay=8)
    client.on_socket_open = _no_delay
    context = tls.make_context(broker)
    if take is not None:
        client.tls_set_context(TappedContext(context, take, gather_s))  # type: ignore[arg-type]
    elif context is not None:
        client.tls_set_context(context)
    if will is not None:
        client.will_set(will.topic, will.payload, qos=1, retain=True)
    return client


def session_name(broker: Broker, client_id: str) -> str:
    """The MQTT client id: ``client_id`` and, where there is a private key, a suffix that only its owner can know.

    Brokers let any identity that is allowed in take over the session of a client id it names: a stolen gateway could
    empty the queue of ingest or keep a neighbour's gateway offline. A renewed certificate keeps its key, and so its
    session; a new key means a new session.
    """
    if broker.key is None:
        return client_id
    return f"{client_id}-{hashlib.sha256(broker.key.read_bytes()).hexdigest()[:16]}"


def start(client: WatchedClient, broker: Broker, part: Part | None = None) -> None:
    """Connect in the background and stay connected; an unreachable broker is tried again, never an exception.

    Set the callbacks before. The network thread reports to ``part``. Renewed certificates are taken into use within a
    minute, and the log says in words why the broker does not let us in
    (:mod:`~firmware_profiles.link.connection_watch`).
    """
    client.part = part
    WATCH.add(client, broker)
    client.connect_async(broker.host, broker.port, keepalive=KEEPALIVE_S)
    client.loop_start()


def stop(client: paho.Client) -> None:
    """Disconnect properly (no last will is sent) and end the network thread."""
    if isinstance(client, WatchedClient) and client.part is not None:
        client.part.finish()
    WATCH.remove(client)
    client.disconnect()
    client.loop_stop()
    # paho closes the pair of sockets that wakes its thread when the client is finalised, which in a cycle of references
    # may be after the sockets themselves were
    client._reset_sockets()


def end_sessions(broker: Broker, names: Iterable[str]) -> bool:
    """End these sessions of ours (as :func:`firmware_profiles.make_client` names them), with what waits in them.

    False where the broker did not confirm one of them in time.
    """
    all_ended = True
    for name in names:
        ended = threading.Event()
        client = make_client(broker, name, clean=True)  # MQTT 3.1.1, 3.1.2.4: it discards the session that was
        client.on_connect = lambda _c, _u, _f, reason, _p, ended=ended: None if reason.is_failure else ended.set()
        start(client, broker)
        confirmed = ended.wait(END_TIMEOUT_S)
        stop(client)
        log.info("session ended", session=name, ended=confirmed)
        all_ended &= confirmed
    return all_ended


def topic_of(message: paho.MQTTMessage) -> str:
    """The topic of a message. paho raises at bytes that are no UTF-8, in its own thread; here they become ``\\xff``."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return message._topic.decode(errors="backslashreplace")


def _no_delay(_client: paho.Client, _userdata: Any, sock: Any) -> None:
    # Nagle's algorithm against delayed acknowledgements costs 40 ms a message.
    set_option: Callable[..., None] = sock.setsockopt
    set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
