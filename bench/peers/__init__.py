"""Compare our ingest with other programs that bring MQTT into PostgreSQL: Node-RED and collectd, where installed.

``bench/peers/setup.sh`` installs them. Same machine, same broker (NATS, TLS, QoS 1), same rows, same table of the same
database, one program after the other. Each has a session that is filled before the program starts, so that the
publisher's cost is not measured; each gets its messages in the form it reads best (:mod:`bench.peers.rows`) and runs
with the best settings we found (see :mod:`~bench.peers.node_red` and :mod:`~bench.peers.collectd`). The clock runs from
the program's connection to the broker (a slow start is not counted) to the database's own time of the last commit. In
the end the table must hold the same rows.
"""

import itertools
import queue
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil
import psycopg
from rich.console import Console

from bench.district import IN_FLIGHT, publisher, servers
from bench.figures import Figure
from bench.peers import collectd, node_red, ours, rows
from bench.peers.cache import Command
from database.migrate import migrate
from database.server.postgres import PostgresServer
from firmware_profiles.link import mqtt
from firmware_profiles.link.mqtt import Broker
from shouwang.brokers import config as broker_config
from shouwang.brokers.local import EmbeddedBroker
from shouwang.brokers.pki import Pki
from shouwang.platform.processes import Child, wait_until

SENDER, PEER = "svc-bench", "svc-peer"
GOAL = 30_000.0
START_S, STALL_S = 30.0, 10.0
"""A program that commits nothing for this long (before its first commit, after it) is taken to be done."""


class Program(Protocol):
    """A module of this package."""

    NAME: str
    SESSION: str
    FILTER: str
    FORMS: dict[rows.Shape, rows.Form]

    def prepare(self, folder: Path, shape: rows.Shape, broker: Broker, database_url: str, /) -> Command: ...


class Result(msgspec.Struct, frozen=True):
    """Rate at which a program stored the rows (readings/s), what that took of the processor (s), their number, and
    whether they are those that were sent."""

    rate: float
    processor_s: float
    stored: int
    same: bool


def run() -> list[Figure]:
    """Measure readings per second of ours and of each peer, by shape of messages; the ratio is ours to the peer's."""
    *_, make_server = servers()
    peers = [peer for peer in (node_red, collectd) if not peer.missing()]
    for peer in {node_red, collectd} - set(peers):
        Console().print(f"{peer.NAME}: not installed: run bench/peers/setup.sh")
    if not peers:
        return []
    with tempfile.TemporaryDirectory(prefix="shouwang-bench-") as name, _rights():
        folder = Path(name)
        with (
            make_server(folder / "postgres") as postgres,
            EmbeddedBroker(folder / "broker", Pki(folder / "pki")) as broker,
        ):
            grade = migrate(postgres.url)
            with psycopg.connect(postgres.url) as conn:
                firsts = rows.register(conn)
            _keep_commit_times(postgres)
            results: dict[tuple[rows.Shape, str], Result] = {}
            for shape, program in itertools.product(rows.SHAPES, (ours, *peers)):
                if shape in program.FORMS:
                    try:
                        results[shape, program.NAME] = _measure(program, shape, folder, postgres, broker, firsts)
                    except RuntimeError as error:
                        if program is ours:
                            raise
                        Console().print(f"left out: {error}", markup=False)
            postgres.discard()
    beside = [
        _figure(shape, results[shape, ours.NAME], name, result, grade)
        for (shape, name), result in results.items()
        if name != ours.NAME
    ]
    return [*beside, *_of_one_core(results)]


def _of_one_core(results: dict[tuple[rows.Shape, str], Result]) -> Iterator[Figure]:
    """Messages for each second of a program's processor: what one core would do beside a faster database."""
    messages = rows.TOTAL / rows.SHAPES["moments"]
    note = f"{messages:,.0f} messages of {rows.SHAPES['moments']} readings; broker and database have cores of their own"
    for (shape, name), result in results.items():
        if shape == "moments":
            mine = name == ours.NAME
            yield Figure(
                name=f"messages for a second of the processor of {name}",
                value=messages / result.processor_s,
                unit="messages/s",
                reference=GOAL if mine else None,
                reference_name="goal" if mine else "",
                note=note,
            )


def _figure(shape: rows.Shape, own: Result, name: str, peers: Result, grade: str) -> Figure:
    note = f"{rows.TOTAL:,} readings, {rows.SHAPES[shape]} a message, {grade} PostgreSQL"
    for who, result in ((ours.NAME, own), (name, peers)):
        if not result.same:
            note += f"; NOT the same rows: {who} stored {result.stored:,}"
    return Figure(
        name=f"ingest beside {name}, {shape}",
        value=own.rate,
        unit="readings/s",
        reference=peers.rate,
        reference_name=name,
        note=note,
    )


@contextmanager
def _rights() -> Iterator[None]:
    """Add the bench to the broker's access list."""
    anything = (ours.FILTER, node_red.FILTER, collectd.FILTER)
    broker_config.SERVICE_RIGHTS[SENDER] = broker_config.Rights(anything, ())
    broker_config.SERVICE_RIGHTS[PEER] = broker_config.Rights((), anything)
    try:
        yield
    finally:
        del broker_config.SERVICE_RIGHTS[SENDER], broker_config.SERVICE_RIGHTS[PEER]


def _keep_commit_times(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    postgres.stop()
    postgres.start()


def _measure(
    program: Program,
    shape: rows.Shape,
    folder: Path,
    postgres: PostgresServer,
    broker: EmbeddedBroker,
    firsts: list[list[int]],
) -> Result:
    identity = broker.settings("svc-ingest" if program.NAME == ours.NAME else PEER)
    _open_session(identity, program.SESSION, program.FILTER)
    form = program.FORMS[shape]
    _fill(broker.settings(SENDER), (form(part) for part in rows.parts(firsts, shape)))
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("TRUNCATE reading_row")
        conn.execute("CHECKPOINT")
        mine = folder / f"{program.SESSION}-{shape}"
        mine.mkdir(mode=0o700)
        with _running(program.NAME, program.prepare(mine, shape, identity, postgres.url), mine / "log") as child:
            try:
                rate, processor_s = _rate(conn, child, broker.port)
            except (RuntimeError, TimeoutError) as error:
                raise RuntimeError(f"{program.NAME}: {error}; the end of its log:\n{child.log_tail()}") from error
        stored = rows.sums(conn)
    return Result(
        rate, processor_s, sum(count for count, _, _ in stored.values()), stored == rows.expected_sums(firsts)
    )


@contextmanager
def _running(name: str, command: Command, log_file: Path) -> Iterator[Child]:
    child = Child(name, *command, log_file)
    child.start()
    try:
        yield child
    finally:
        child.stop()


def _open_session(identity: Broker, session: str, topic_filter: str) -> None:
    granted: queue.Queue[bool] = queue.Queue()
    client = mqtt.make_client(identity, session, clean=False)
    client.on_connect = lambda c, *_: c.subscribe(topic_filter, 1)
    client.on_subscribe = lambda _c, _u, _mid, reasons, _p: granted.put(not reasons[0].is_failure)
    mqtt.start(client, identity)
    if not granted.get(timeout=10):
        raise RuntimeError(f"the broker does not let {session} subscribe to {topic_filter}")
    mqtt.stop(client)


def _fill(identity: Broker, messages: Iterator[tuple[str, bytes]]) -> None:
    window, client = threading.Semaphore(IN_FLIGHT), publisher(identity, "bench-sender")
    client.on_publish = lambda *_: window.release()
    for topic, payload in messages:
        if not window.acquire(timeout=60):
            raise TimeoutError("the broker takes no more messages")
        client.publish(topic, payload, qos=1)
    for _ in range(IN_FLIGHT):
        if not window.acquire(timeout=60):
            raise TimeoutError("the broker did not acknowledge all messages")
    mqtt.stop(client)


def _rate(conn: psycopg.Connection[Any], child: Child, port: int) -> tuple[float, float]:
    """Measure readings per second from the program's connection to its last commit, and its seconds of the processor
    meanwhile."""
    process = psutil.Process(child.pid)
    wait_until(lambda: _connected(process, port), START_S, "a connection to the broker", pause_s=0.01)
    began, before = time.time(), sum(process.cpu_times()[:2])
    _await_rows(conn, child)
    spent = sum(process.cpu_times()[:2]) - before
    stored, ended = conn.execute(
        "SELECT count(*), extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM reading_row"
    ).fetchone() or (0, None)
    if ended is None:
        raise RuntimeError("it stored nothing")
    return float(stored / (ended - began)), spent


def _connected(process: psutil.Process, port: int) -> bool:
    try:
        return any(c.raddr and c.raddr.port == port and c.status == "ESTABLISHED" for c in process.net_connections())
    except psutil.Error as error:
        raise RuntimeError("it ended by itself") from error


def _await_rows(conn: psycopg.Connection[Any], child: Child) -> None:
    """Wait until all rows are stored, or no more come."""
    before, deadline = 0, time.monotonic() + START_S
    while time.monotonic() < deadline:
        if not child.alive():
            raise RuntimeError("it ended by itself")
        (stored,) = conn.execute("SELECT count(*) FROM reading_row").fetchone() or (0,)
        if stored >= rows.TOTAL:
            return
        if stored > before:
            before, deadline = stored, time.monotonic() + STALL_S
        time.sleep(1)
