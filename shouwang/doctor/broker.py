"""Check the broker with the identity of a service: a message to itself, sent and received over MQTT."""

import datetime as dt
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.x509.oid import NameOID

from firmware_profiles import wire
from firmware_profiles.link import mqtt, tls
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers.config import SERVICE_RIGHTS, probe_topic
from shouwang.doctor.check import Check

WAIT_S = 8.0
EXPIRES_SOON = dt.timedelta(days=30)
"""The authority renews a month before the end; a certificate nearer to it was forgotten."""


def broker_checks(who: str, broker: Broker, now: dt.datetime) -> Iterator[Check]:
    """Check one identity at the broker, and how long its certificate and the broker's are good."""
    where = f"{broker.host}:{broker.port}"
    what = f"broker as {who}"
    fault = tls.explain(broker, now)
    if fault:
        yield Check(what, False, f"{where}: {fault}")
    elif broker.cert is None:
        yield Check(what, True, f"{where} answers (plain TCP: for loopback only)")
    else:
        name = identity(broker.cert)
        if name in SERVICE_RIGHTS:
            fault, good = round_trip(broker, probe_topic(name)), "took a message and gave it back"
        else:
            fault, good = lets_in(broker, name), f"lets {name} in, to its commands"
        yield Check(what, not fault, f"{where}: {fault}" if fault else f"{where} {good}")
    for holder, end in tls.ends(broker).items():
        yield expiry(holder, end, now)


def expiry(holder: str, end: dt.datetime, now: dt.datetime) -> Check:
    """Check how long a certificate is good."""
    days = (end - now).days
    good = end - now > EXPIRES_SOON
    advice = "" if good else "; renew it: shouwang setup on the machine of the authority, then copy the pair"
    return Check(f"certificate of {holder}", good, f"until {end:%Y-%m-%d}, {days} days{advice}")


def identity(cert: Path) -> str:
    """Name whom the certificate is for."""
    certificate = x509.load_pem_x509_certificate(cert.read_bytes())
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def lets_in(broker: Broker, gateway: str) -> str:
    """Subscribe as a gateway to its commands; "" where the broker allows it. It has no topic that it hears itself on.

    A command that arrives meanwhile goes to the gateway all the same, whose session is another one.
    """
    return _try(broker, wire.topic(gateway, "commands"), None)


def round_trip(broker: Broker, topic: str) -> str:
    """Send a message (QoS 1) to ourselves, on the topic that each service has for it; "" where it came back.

    A NATS cluster without its majority takes the connection and stores nothing: the message is not acknowledged. The
    client id is one of its own, so no service's session is taken over.
    """
    return _try(broker, topic, os.urandom(16))


def _try(broker: Broker, topic: str, token: bytes | None) -> str:
    allowed, back = threading.Event(), threading.Event()
    refused: list[str] = []

    def connected(client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            refused.append(f"the broker refuses us: {reason}")
            back.set()
        else:
            client.subscribe(topic, qos=1)

    def subscribed(client: paho.Client, _data: Any, _id: int, reasons: list[Any], _properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            refused.append(f"the broker's access list refuses {topic}: is it the one of this version?")
            back.set()
        elif token is None:
            back.set()
        else:
            allowed.set()
            client.publish(topic, token, qos=1)

    def received(_client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        if message.payload == token:
            back.set()

    client = mqtt.make_client(broker, f"doctor-{os.urandom(4).hex()}", clean=True)
    client.on_connect, client.on_subscribe, client.on_message = connected, subscribed, received
    mqtt.start(client, broker)
    try:
        if back.wait(WAIT_S):
            return "; ".join(refused)
        if allowed.is_set():
            return f"took no message within {WAIT_S:g} s: of a NATS cluster, do two of three servers run?"
        return f"did not let us subscribe within {WAIT_S:g} s: of a NATS cluster, do two of three servers run?"
    finally:
        mqtt.stop(client)
