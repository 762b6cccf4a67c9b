"""Measure how long a gateway's readings take to SQL while another gateway floods ingest as fast as it can.

The flooding gateway is a process of its own that publishes frames of 20 readings (QoS 1) without a pause; the calm one
publishes one frame at a time and waits until it can be read. Broker, database and ingest are on this machine.
"""

import multiprocessing
import tempfile
import threading
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import psycopg

from bench.alert_latency import connected
from bench.district import IN_FLIGHT, publisher
from bench.figures import Figure
from database.migrate import migrate
from database.server.embedded import EmbeddedPostgres
from database.settings import DatabaseSettings
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from ingest.service import Ingest
from ingest.settings import IngestSettings
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.platform.processes import wait_until
from vocabulary.times import DAY_S

CALM, FLOOD = "gw-calm", "gw-flood"
SAMPLES = 40
READINGS = 20


def run() -> list[Figure]:
    """Measure median and maximum, ms, with the flood and without it."""
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "postgres") as postgres:
            with EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker:
                migrate(postgres.url)
                _register(postgres.url)
                broker.allow_gateways([CALM, FLOOD])
                rest, flooded, rate = _measure(postgres.url, broker)
            postgres.discard()
    note = f"the flood: {rate:,.0f} messages/s published"
    return [
        Figure(
            name="visible during a flood, median",
            value=float(np.median(flooded)),
            unit="ms",
            reference=float(np.median(rest)),
            reference_name="at rest",
            note=note,
        ),
        Figure(
            name="visible during a flood, max",
            value=max(flooded),
            unit="ms",
            reference=max(rest),
            reference_name="at rest",
            note=note,
        ),
    ]


def _register(url: str) -> None:
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('bench', 'district', 'bench', 'bench')")
        conn.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en)"
            " SELECT 'bench', id, 'bench', 'bench' FROM area LIMIT 1"
        )
        for gateway in (CALM, FLOOD):
            conn.execute("INSERT INTO gateway (name, household_id) SELECT %s, id FROM household LIMIT 1", (gateway,))
        conn.execute("INSERT INTO device (gateway_id, name, model) SELECT id, 'radar', 'gateway' FROM gateway")


def _measure(url: str, broker: EmbeddedBroker) -> tuple[list[float], list[float], float]:
    stop = threading.Event()
    ingest = Ingest(IngestSettings(), DatabaseSettings(url=url), broker.settings("svc-ingest"))
    thread = threading.Thread(target=ingest.run, args=(stop,))
    thread.start()
    processes = multiprocessing.get_context("spawn")
    end, sent = processes.Event(), processes.Value("q", 0)
    flood = processes.Process(target=_flood, args=(broker.settings(FLOOD), end, sent))
    client = connected(broker.settings(CALM), CALM)
    try:
        with psycopg.connect(url, autocommit=True) as conn:
            _visible(conn, client, 0)  # warm-up: subscribes, makes the series
            rest = [_visible(conn, client, n) for n in range(1, SAMPLES)]
            flood.start()
            wait_until(lambda: sent.value >= 5 * IN_FLIGHT, 60, "the flood")
            before, begin = sent.value, time.monotonic()
            flooded = [_visible(conn, client, n) for n in range(SAMPLES, 2 * SAMPLES)]
            rate = (sent.value - before) / (time.monotonic() - begin)
        return rest, flooded, rate
    finally:
        end.set()
        if flood.pid is not None:
            flood.join(20)
        mqtt.stop(client)
        stop.set()
        thread.join()


def _visible(conn: psycopg.Connection[tuple[object, ...]], client: paho.Client, number: int) -> float:
    """Measure the ms from the publication of a frame until its newest reading can be read."""
    payload, last_us = _frame(CALM, number + 1)
    begin = again = time.perf_counter()
    topic = wire.topic(CALM, "readings")
    client.publish(topic, payload, qos=1)
    query = "SELECT 1 FROM reading_row WHERE time = timestamptz 'epoch' + %s * interval '1 microsecond'"
    while conn.execute(query, (last_us,)).fetchone() is None:
        if number == 0 and time.perf_counter() - again > 0.5:  # ingest may have subscribed a moment later
            again = time.perf_counter()
            client.publish(topic, payload, qos=1)
        time.sleep(0.002)
    return (time.perf_counter() - begin) * 1000


def _frame(gateway: str, seq: int) -> tuple[bytes, int]:
    # The calm gateway uses whole seconds, the flood half ones: their times never meet.
    base = (1 + time.time_ns() // 1_000_000_000 - 80 * DAY_S + seq * READINGS) * 1_000_000
    base += 500_000 if gateway == FLOOD else 0
    times = base + np.arange(READINGS, dtype=np.int64) * 1_000_000
    series = wire.make_series("radar", "heart_rate", base, times, np.full(READINGS, 60, np.float32))
    return wire.encode(wire.Frame(1, gateway, 1, 1, "live", seq, base, [series])), int(times[-1])


def _flood(broker: Broker, end: Event, sent: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    window, client = threading.Semaphore(IN_FLIGHT), publisher(broker, FLOOD)
    client.on_publish = lambda *_: window.release()
    number = 0
    while not end.is_set():
        window.acquire()
        number += 1
        client.publish(wire.topic(FLOOD, "readings"), _frame(FLOOD, number % 300_000 + 1)[0], qos=1)
        sent.value = number
    mqtt.stop(client)
