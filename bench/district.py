"""Shared parts of the ingest benchmarks: servers, a registered district, one client that may publish for all of it.

Thousands of connections would measure the publisher, so the bench has an identity of its own that may publish for every
gateway; the broker, its TLS and its bookkeeping are the real ones.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as paho
import psutil
import psycopg

from database.server.embedded import EmbeddedPostgres
from database.server.guardian import start_guarded
from database.server.postgres import PostgresServer
from database.server.timescaledb import server_conf, timescaledb_bin_dir
from firmware_profiles import wire
from firmware_profiles.link import mqtt
from ingest.settings import IngestSettings
from shouwang.brokers import config as broker_config
from shouwang.brokers.local import EmbeddedBroker

IDENTITY = "svc-bench"
IN_FLIGHT = 2000
"""Unacknowledged messages of a publisher, at most. paho searches all of them at every acknowledgement: with many more,
a publisher that once fell behind never catches up."""


def servers() -> Iterator[Callable[[Path], PostgresServer]]:
    """Yield a maker of each database server: the embedded PostgreSQL, and TimescaleDB where it is installed."""
    yield EmbeddedPostgres
    timescaledb = timescaledb_bin_dir()
    if timescaledb is not None:
        yield lambda folder: PostgresServer(timescaledb, folder, server_conf(timescaledb))


@contextlib.contextmanager
def speaking_for_all() -> Iterator[None]:
    """Let the bench publish readings for every gateway, at brokers started within this context."""
    broker_config.SERVICE_RIGHTS[IDENTITY] = broker_config.Rights((wire.subscription("readings"),), ())
    try:
        yield
    finally:
        del broker_config.SERVICE_RIGHTS[IDENTITY]


def names(number: int) -> list[str]:
    """Name this number of gateways."""
    return [f"gw-bench-{n:04d}" for n in range(number)]


def register(url: str, gateways: Sequence[str], devices: Sequence[str]) -> None:
    """Register one home with these gateways, each with these devices."""
    with psycopg.connect(url) as conn:
        conn.execute("INSERT INTO area (path, level, name_zh, name_en) VALUES ('bench', 'district', 'bench', 'bench')")
        conn.execute(
            "INSERT INTO household (code, area_id, address_zh, address_en)"
            " SELECT 'bench', id, 'bench', 'bench' FROM area LIMIT 1"
        )
        conn.execute(
            "INSERT INTO gateway (name, household_id) SELECT one, household.id FROM household, unnest(%s::text[]) one",
            (list(gateways),),
        )
        conn.execute(
            "INSERT INTO device (gateway_id, name, model)"
            " SELECT gateway.id, one, 'gateway' FROM gateway, unnest(%s::text[]) one",
            (list(devices),),
        )


def open_session(broker: EmbeddedBroker, settings: IngestSettings) -> None:
    """Subscribe once as ingest does, and leave: from now on the broker keeps the session's messages."""
    client = mqtt.make_client(broker.settings("svc-ingest"), settings.session, clean=False, manual_ack=True)
    subscribed = threading.Event()
    asked = settings.share.subscriptions(by_shard=settings.by_shard)
    filters = [(name, 1) for name in (*asked.bulk, *asked.added)]
    client.on_connect = lambda c, *_: c.subscribe(filters)
    client.on_subscribe = lambda *_: subscribed.set()
    mqtt.start(client, broker.settings("svc-ingest"))
    if not subscribed.wait(10):
        raise TimeoutError("the bench could not open ingest's session")
    mqtt.stop(client)


def publisher(broker: mqtt.Broker, name: str) -> paho.Client:
    """Connect a client that may have IN_FLIGHT unacknowledged messages."""
    online = threading.Event()
    client = mqtt.make_client(broker, name, clean=True)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.on_connect = lambda *_: online.set()
    mqtt.start(client, broker)
    if not online.wait(20):
        raise TimeoutError(f"{name} could not connect")
    return client


LOG_LINES = 40
"""Printed of the log of a worker that failed."""


@contextlib.contextmanager
def ingest_process(
    url: str, broker: EmbeddedBroker, folder: Path, settings: IngestSettings, **more: str
) -> Iterator[psutil.Process]:
    """Run a worker of ingest as a process of its own; ``more``: of its environment."""
    connection = broker.settings("svc-ingest")
    fields = {f"SHOUWANG_BROKER_{k.upper()}": str(getattr(connection, k)) for k in connection.__struct_fields__}
    named = {"SHOUWANG_INGEST_WORKER": settings.worker, "SHOUWANG_INGEST_WORKERS": str(settings.workers)}
    environment = {**os.environ, **fields, **named, "SHOUWANG_DATABASE_URL": url, **more}
    with (folder / f"{settings.worker}.log").open("wb") as log:
        process = start_guarded([sys.executable, "-m", "ingest"], env=environment, stdout=log, stderr=log)
    try:
        yield psutil.Process(process.pid)
    except Exception:
        tail = (folder / f"{settings.worker}.log").read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
        print(f"what {settings.worker} said last:", *tail, sep="\n", file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(30)
