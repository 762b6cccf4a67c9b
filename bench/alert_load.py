"""Measure sensor to console at district load: 7,198 homes, 20,000 readings/s, and an SOS every tenth of a second.

The real platform runs on this machine: broker with TLS, PostgreSQL, ingest, alerting with every detector, console. A
process beside them publishes the district's frames (``bench.ingest_load``), another client the SOS events, each of
another home; a dispatcher's live socket notes when each arrives. Bare messages go from one client to another meanwhile,
through the same broker.
"""

import os
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import psycopg

from bench.alert_latency import _bare_round_trips, connected
from bench.district import IDENTITY, names
from bench.figures import Figure
from bench.ingest_load import GATEWAYS, RATE, publishing
from device_simulators.homes import demo_home
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from shouwang.brokers import config as broker_config
from shouwang.brokers.local import free_port
from shouwang.platform.demo import login_of
from shouwang.platform.platform import Platform
from shouwang.platform.probe import LiveProbe
from shouwang.platform.processes import wait_until

ALERTS, PAUSE_S, WARM_UP_S = int(os.environ.get("SHOUWANG_BENCH_ALERTS", "400")), 0.1, 15.0
LIMIT_MS = 100.0
SERVICES = ("ingest", "alerting", "console")


def run() -> list[Figure]:
    """Measure median, p99 and worst over 400 alerts beside the bare round trip, and alerting's share of a core."""
    rights = broker_config.Rights(("care/v1/+/+/readings", "care/v1/+/+/events"), ())
    broker_config.SERVICE_RIGHTS[IDENTITY] = rights
    try:
        with (
            tempfile.TemporaryDirectory(prefix="shouwang-bench-") as folder,
            Platform(Path(folder), free_port()) as platform,
        ):
            home = demo_home(1)
            district = platform.load_district([home])
            _register(platform.postgres.url)
            platform.start_services(SERVICES)
            with (
                publishing(platform.broker),
                LiveProbe(platform.address, *login_of(district, "dispatcher")) as probe,
            ):
                time.sleep(WARM_UP_S)
                return _measure(platform, probe, home.gateway)
    finally:
        del broker_config.SERVICE_RIGHTS[IDENTITY]


def _measure(platform: Platform, probe: LiveProbe, gateway: str) -> list[Figure]:
    alerting = psutil.Process(platform.children["alerting"].pid)
    before, began = alerting.cpu_times(), time.monotonic()
    bare = _bare_round_trips(platform, gateway)
    already = len(probe.latencies_ms)
    client = connected(platform.broker.settings(IDENTITY), "bench-sos")
    for name in names(GATEWAYS)[:ALERTS]:
        now = time.time_ns() // 1000
        event = wire.Event(1, name, 1, 1, 1, now, "sos-button", "sos_pressed")
        client.publish(wire.topic(name, "events"), wire.encode(event), qos=1)
        time.sleep(PAUSE_S)
    wait_until(lambda: len(probe.latencies_ms) - already >= ALERTS, 60, f"{ALERTS} alerts at the console")
    mqtt.stop(client)
    after, spent = alerting.cpu_times(), time.monotonic() - began
    with psycopg.connect(platform.postgres.url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM reading_row WHERE time BETWEEN now() - interval '20 s' AND now() - interval '10 s'"
        ).fetchone()
        inside = conn.execute("SELECT 1000 * extract(epoch FROM raised_at - sensed_at) FROM alert WHERE rule = 'sos'")
        raised = np.array([float(ms) for (ms,) in inside])
    alerts = np.array(list(probe.latencies_ms.values())[already:])
    share = 100 * (after.user + after.system - before.user - before.system) / spent
    note = f"{len(alerts)} SOS events, {GATEWAYS:,} homes, {RATE:,} readings/s, TLS"
    figures = [
        Figure(
            name=f"sensor → console at district load, {name}",
            value=float(np.percentile(alerts, q)),
            unit="ms",
            reference=float(np.percentile(bare, q)),
            reference_name=f"bare broker round trip under the same load, {name}",
            note=note,
        )
        for name, q in (("p50", 50), ("p99", 99), ("worst", 100))
    ]
    return [
        *figures,
        Figure(
            name="sensor → console at district load, p99",
            value=float(np.percentile(alerts, 99)),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=note,
        ),
        Figure(
            name="of it, sensor → decided by alerting, p99",
            value=float(np.percentile(raised, 99)),
            unit="ms",
            reference=float(np.percentile(raised, 50)),
            reference_name="p50",
            note=note,
        ),
        Figure(name="alerting at district load, share of a core", value=share, unit="%", note=note),
        Figure(
            name="stored meanwhile",
            value=row[0] / 10 if row else 0.0,
            unit="readings/s",
            reference=RATE,
            reference_name="sent",
        ),
    ]


def _register(url: str) -> None:
    """Register 7,198 homes in the demonstration's compound: one resident, a gateway, a radar, an SOS button each."""
    with psycopg.connect(url) as conn:
        gateways = names(GATEWAYS)
        conn.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en)"
            " SELECT n, (SELECT area_id FROM household LIMIT 1), 'bench', 'bench' FROM unnest(%s::text[]) n",
            (gateways,),
        )
        conn.execute(
            "INSERT INTO resident (code, household_id, name_zh, name_en, sex, birth_date)"
            " SELECT code, id, '王', 'Wang', 'female', '1940-01-01' FROM household WHERE code = ANY(%s)",
            (gateways,),
        )
        conn.execute(
            "INSERT INTO gateway (name, household_id) SELECT code, id FROM household WHERE code = ANY(%s)", (gateways,)
        )
        for device, model in (("gateway", "gateway"), ("d", "seeed-mr60bha2"), ("sos-button", "sonoff-snzb-01p")):
            conn.execute(
                "INSERT INTO device (gateway_id, name, model) SELECT id, %s, %s FROM gateway WHERE name = ANY(%s)",
                (device, model, gateways),
            )
