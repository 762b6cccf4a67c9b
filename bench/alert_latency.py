"""Measure how long an SOS takes from the sensor to a dispatcher's live socket, beside the bare broker round trip.

The real platform runs: broker with TLS and access lists, PostgreSQL, ingest, alerting, console. A gateway publishes SOS
events (QoS 1) at a calm pace, one household after the other; a socket at the console notes their arrival. In the same
run and against the same broker, bare messages of the same size go from one client to another.
"""

import gc
import json
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho

from bench.figures import Figure
from device_simulators.homes import demo_home
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform
from shouwang.platform.probe import LiveProbe
from shouwang.platform.processes import wait_until

HOMES = 100
PAUSE_S = 0.05
COLD = 5
"""The first alerts after the services' start, counted apart."""


def run() -> list[Figure]:
    """Measure median and 99th percentile over 100 alerts, each with its ratio to the bare round trip."""
    with (
        tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
        Platform(Path(folder), free_port()) as platform,
    ):
        homes = [demo_home(number) for number in range(1, HOMES + 1)]
        district = platform.load_district(homes)
        platform.start_services()
        # The probe runs in this process, where a full garbage collection takes 40 ms: no alert's delay.
        gc.collect()
        gc.freeze()
        with LiveProbe(platform.address, *login_of(district, "dispatcher")) as probe:
            _raise_alerts(platform, [home.gateway for home in homes])
            wait_until(lambda: len(probe.latencies_ms) >= HOMES, 30, f"{HOMES} alerts at the console")
            alerts = np.array(list(probe.latencies_ms.values()))
        bare = _bare_round_trips(platform, homes[0].gateway)
    cold, warm = alerts[:COLD], alerts[COLD:]
    first = Figure(
        name="sensor → console socket, slowest of the first after a start",
        value=float(cold.max()),
        unit="ms",
        note=f"{COLD} SOS events",
    )
    return [first] + [
        Figure(
            name=f"sensor → console socket, {name}",
            value=float(np.percentile(warm, q)),
            unit="ms",
            reference=float(np.percentile(bare, q)),
            reference_name=f"bare broker round trip, {name}",
            note=f"{HOMES - COLD} SOS events at rest, TLS; limit: p99 20 ms",
        )
        for name, q in (("p50", 50), ("p99", 99))
    ]


def _raise_alerts(platform: Platform, gateways: list[str]) -> None:
    for gateway in gateways:
        client = connected(platform.broker.settings(gateway), gateway)
        now = time.time_ns() // 1000
        event = wire.Event(1, gateway, now, now, 1, time.time_ns() // 1000, "sos-button", "sos_pressed")
        client.publish(wire.topic(gateway, "events"), wire.encode(event), qos=1).wait_for_publish(5)
        mqtt.stop(client)
        time.sleep(PAUSE_S)


def _bare_round_trips(platform: Platform, gateway: str) -> list[float]:
    """Measure the ms from publishing an event-sized message to its arrival, with both clients on this machine."""
    arrived = threading.Event()
    listener = mqtt.make_client(platform.broker.settings("svc-ingest"), "bench-listener", clean=True)
    ready = threading.Event()
    listener.on_connect = lambda client, *_: client.subscribe(wire.topic(gateway, "readings"), 1)
    listener.on_subscribe = lambda *_: ready.set()
    listener.on_message = lambda *_: arrived.set()
    mqtt.start(listener, platform.broker.settings("svc-ingest"))
    sender = connected(platform.broker.settings(gateway), "bench-sender")
    if not ready.wait(10):
        raise TimeoutError("the bare listener could not subscribe")
    payload = json.dumps({"padding": "x" * 100}).encode()
    trips = []
    for _ in range(500):
        arrived.clear()
        begin = time.perf_counter()
        sender.publish(wire.topic(gateway, "readings"), payload, qos=1)
        if not arrived.wait(5):
            raise TimeoutError("a bare message did not arrive")
        trips.append((time.perf_counter() - begin) * 1000)
    mqtt.stop(listener)
    mqtt.stop(sender)
    return trips


def connected(broker: mqtt.Broker, client_id: str) -> paho.Client:
    """Make a client and wait until it is connected."""
    connected = threading.Event()
    client = mqtt.make_client(broker, client_id, clean=True)
    client.on_connect = lambda *_: connected.set()
    mqtt.start(client, broker)
    if not connected.wait(10):
        raise TimeoutError(f"{client_id} could not connect")
    return client
