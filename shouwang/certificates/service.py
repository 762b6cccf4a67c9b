"""The issuing service: renews certificates over MQTT, enrols new gateways over HTTPS, keeps the revocation list."""

import contextlib
import datetime as dt
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import paho.mqtt.client as paho
import psycopg
import structlog

from care_network.records import certificates
from database.pool import connect_options
from database.reports import certificate_ends
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.errors import DecodeError
from firmware_profiles.link import mqtt
from firmware_profiles.link.connection_watch import WATCH
from observability.liveness import Liveness, Part
from shouwang.certificates.enrolment import create_app
from shouwang.certificates.issuer import Issuer, RequestRefusedError
from shouwang.certificates.page import Pair, serve_page
from shouwang.certificates.renewal import note_signed, renew
from shouwang.certificates.settings import IssuerSettings

log = structlog.get_logger(__name__)

COMMAND = "certificate"
LOOK_S = 5.0
"""How often the list of revoked identities is looked at, and what setup has signed."""
MOST_WAITING = 2000


class IssuingService:
    """One process; a second one beside it does no harm, since a gateway asks again and takes the newest."""

    def __init__(self, settings: IssuerSettings, database: DatabaseSettings, broker: mqtt.Broker) -> None:
        """Raises ValueError or OSError where the issuing authority's files cannot be used."""
        self._settings, self._database, self._broker = settings, database, broker
        self._life = dt.timedelta(days=settings.days)
        self._issuer()
        self._requests: queue.Queue[wire.CertificateRequest] = queue.Queue(MOST_WAITING)
        self._listed: set[int] | None = None
        self._noted: set[tuple[str, int]] = set()
        self._client = mqtt.make_client(broker, "issuer", clean=True)
        self._client.on_connect = self._connected
        self._client.on_message = self._received

    def run(self, stop: threading.Event, liveness: Liveness | None = None) -> None:
        """Run until ``stop``; the threads are parts of ``liveness``."""
        liveness = liveness or Liveness()
        liveness.certificates = [
            *self._broker.certificates,
            *(file for file in (self._settings.cert, self._settings.enrolment_cert) if file is not None),
        ]
        part = liveness.part("certificates", waiting=self._requests.qsize)
        mqtt.start(self._client, self._broker, liveness.part("broker link"))
        try:
            with self._enrolment(liveness):
                while not stop.is_set() and not liveness.faults:
                    try:
                        with psycopg.connect(
                            self._database.url, autocommit=True, **connect_options(self._database, "issuer")
                        ) as conn:
                            self._work(conn, stop, part)
                    except (psycopg.Error, OSError, ValueError) as error:  # the authority's files, too
                        log.warning("certificates and revocation wait", error=str(error).strip())
                        part.held_up(str(error))
                        stop.wait(LOOK_S)
        finally:
            liveness.finish()
            mqtt.stop(self._client)

    def _work(self, conn: psycopg.Connection[Any], stop: threading.Event, part: Part) -> None:
        looked = 0.0
        while not stop.is_set():
            if time.monotonic() - looked >= LOOK_S:
                self._note_signed(conn)
                self._keep_list(conn)
                looked = time.monotonic()
            try:
                request = self._requests.get(timeout=0.5)
            except queue.Empty:
                part.turned()
                continue
            self._answer(conn, request)
            part.done()

    def _note_signed(self, conn: psycopg.Connection[Any]) -> None:
        """Record gateways' pairs that setup signed and laid beside the authority's, so that they can be revoked."""
        for file in sorted(self._settings.cert.parent.glob("*.crt")):
            try:
                stamp = (file.name, file.stat().st_mtime_ns)
                if stamp in self._noted:
                    continue
                content = file.read_bytes()
                self._noted.add(stamp)
                note_signed(conn, self._issuer(), content)
            except (OSError, ValueError) as error:  # whatever lies there, the list of revoked ones is kept
                log.warning("a file beside the authority is no certificate", file=str(file), reason=str(error))

    def _keep_list(self, conn: psycopg.Connection[Any]) -> None:
        serials = certificates.revoked_serials(conn)
        if serials != self._listed:
            issuer = self._issuer()
            certificates.keep_list(conn, issuer.name, issuer.revocation_list(serials), dt.datetime.now(dt.UTC))
            certificate_ends.recorder(self._database)({issuer.name: issuer.expires_at})
            self._listed = serials
            log.info("revocation list", certificates=len(serials))

    def _answer(self, conn: psycopg.Connection[Any], request: wire.CertificateRequest) -> None:
        now = dt.datetime.now(dt.UTC)
        try:
            issued = renew(conn, self._issuer(), request.gateway, request.request, now, self._life)
        except RequestRefusedError as error:
            log.warning("no certificate for a gateway", gateway=request.gateway, reason=str(error))
            return
        name = f"certificate-{issued.serial:x}"
        command = wire.Command(wire.VERSION, name, COMMAND, time.time_ns() // 1000, {}, issued.chain)
        self._client.publish(wire.topic(request.gateway, "commands"), wire.encode(command), qos=1)
        log.info("certificate renewed", gateway=request.gateway, until=issued.expires_at.isoformat())

    def _issuer(self) -> Issuer:
        """Read at each use: a renewed issuing authority needs no restart."""
        return Issuer(self._settings.cert, self._settings.key)

    def _connected(self, client: paho.Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("broker refuses the issuing service", reason=str(reason))
            return
        client.subscribe(wire.subscription("certificates"), 1)

    def _received(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        topic = mqtt.topic_of(message)
        try:
            request = wire.decode(wire.CertificateRequest, bytes(message.payload))
            if wire.parse_topic(topic)[0] != request.gateway:  # the broker vouches for the topic
                raise DecodeError("the request names another gateway")
            self._requests.put_nowait(request)
        except (DecodeError, queue.Full) as error:
            log.warning("certificate request refused", topic=topic, reason=str(error) or "too many at once")

    @contextlib.contextmanager
    def _enrolment(self, liveness: Liveness) -> Iterator[None]:
        at = self._settings
        if at.enrolment_cert is None or at.enrolment_key is None or self._broker.ca is None:
            yield
            return
        app = create_app(self._database, self._issuer, self._broker.ca, self._life)
        pair, ended = Pair(at.enrolment_cert, at.enrolment_key), threading.Event()
        thread = liveness.start(
            "enrolment", lambda part: serve_page(app, at.enrolment_host, at.enrolment_port, pair, ended, part)
        )
        try:
            yield
        finally:
            liveness.finish()
            ended.set()
            thread.join(10)


def run(
    settings: IssuerSettings,
    database: DatabaseSettings,
    broker: mqtt.Broker,
    stop: threading.Event,
    liveness: Liveness | None = None,
) -> None:
    """Run the service until ``stop``."""
    WATCH.tell_ends(certificate_ends.recorder(database))
    IssuingService(settings, database, broker).run(stop, liveness)
