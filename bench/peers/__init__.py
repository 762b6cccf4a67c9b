"""Our ingest beside other programs that bring MQTT into PostgreSQL: Node-RED and collectd, where they are installed
(``bench/peers/setup.sh``).

Same machine, same broker (NATS, TLS, QoS 1), same rows, same table of the same database, one program after the other.
Each has a session that is filled before it is started, so that the publisher's cost stays out; each gets its messages
in the form it reads best (:mod:`bench.peers.rows`) and runs with the best settings we found (the docstrings of
:mod:`~bench.peers.node_red` and :mod:`~bench.peers.collectd`). The clock runs from the moment at which the program has
connected to the broker (a slow start counts for nobody) to the database's own time of the last commit. In the end the
table must hold the same rows.
"""

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

from bench.figures import Figure
from bench.ingest_drain import servers
from bench.peers import collectd, node_red, ours, rows
from bench.peers.cache import Command
from database.migrate import migrate
from database.postgres_server import PostgresServer
from firmware_profiles import mqtt
from firmware_profiles.mqtt import Broker
from shouwang import broker_config
from shouwang.broker import EmbeddedBroker
from shouwang.pki import Pki
from shouwang.processes import Child, wait_until

COMMAND = "python -m bench peers"
SENDER, PEER = "svc-bench", "svc-peer"
STALL_S = 30.0
"""A program that commits nothing for so long has done what it will do."""
AHEAD = 2000


class Program(Protocol):
    """A module of this package."""

    NAME: str
    SESSION: str
    FILTER: str
    FORM: rows.Form

    @staticmethod
    def prepare(folder: Path, broker: Broker, database_url: str, /) -> Command: ...


class Result(msgspec.Struct, frozen=True):
    """How fast a program stored the rows (readings/s), how many of them, and whether they are the ones that were sent."""

    rate: float
    stored: int
    same: bool


def run() -> list[Figure]:
    """Readings per second of ours and of each peer; the ratio is ours to the peer's."""
    *_, make_server = servers()
    out = Console()
    peers = [peer for peer in (node_red, collectd) if not peer.missing()]
    for peer in (node_red, collectd):
        if peer not in peers:
            out.print(f"{peer.NAME}: not installed: run bench/peers/setup.sh")
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
            found = {program.NAME: _measure(program, folder, postgres, broker, firsts) for program in (ours, *peers)}
            postgres.discard()
    own = found[ours.NAME]
    if not own.same:
        raise RuntimeError(f"our ingest stored {own.stored} rows that are not those that were sent")
    figures = []
    for peer in peers:
        result = found[peer.NAME]
        note = f"{rows.TOTAL:,} readings, {grade} PostgreSQL"
        if not result.same:
            note += f"; {peer.NAME} stored {result.stored:,} of them, or others"
        figures.append(
            Figure(f"ingest beside {peer.NAME}", own.rate, "readings/s", result.rate, peer.NAME, COMMAND, note)
        )
    return figures


@contextmanager
def _rights() -> Iterator[None]:
    """The broker's access list, with the bench in it."""
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
    program: Program, folder: Path, postgres: PostgresServer, broker: EmbeddedBroker, firsts: list[list[int]]
) -> Result:
    with psycopg.connect(postgres.url, autocommit=True) as conn:
        conn.execute("TRUNCATE reading")
    identity = broker.settings("svc-ingest" if program is ours else PEER)
    _open_session(identity, program.SESSION, program.FILTER)
    _fill(broker.settings(SENDER), (message for piece in rows.pieces(firsts) for message in program.FORM(piece)))
    with (
        psycopg.connect(postgres.url, autocommit=True) as conn,
        _running(program, folder / program.SESSION, identity, postgres.url) as child,
    ):
        try:
            began = _await_connection(child, broker.port)
            _await_all(conn, child)
            return _result(conn, began, firsts)
        except RuntimeError as error:
            raise RuntimeError(f"{program.NAME}: {error}; the end of its log:\n{child.log_tail()}") from error


@contextmanager
def _running(program: Program, folder: Path, broker: Broker, database_url: str) -> Iterator[Child]:
    folder.mkdir(mode=0o700)
    argv, environment = program.prepare(folder, broker, database_url)
    child = Child(program.NAME, argv, environment, folder / "log")
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


def _fill(identity: Broker, messages: Iterator[rows.Message]) -> None:
    window, ready = threading.Semaphore(AHEAD), threading.Event()
    client = mqtt.make_client(identity, "bench-sender", clean=True)
    client.max_inflight_messages_set(AHEAD)
    client.on_connect = lambda *_: ready.set()
    client.on_publish = lambda *_: window.release()
    mqtt.start(client, identity)
    if not ready.wait(10):
        raise TimeoutError("the bench could not connect to the broker")
    for topic, payload in messages:
        if not window.acquire(timeout=60):
            raise TimeoutError("the broker takes no more messages")
        client.publish(topic, payload, qos=1)
    for _ in range(AHEAD):
        if not window.acquire(timeout=60):
            raise TimeoutError("the broker did not acknowledge all messages")
    mqtt.stop(client)


def _await_connection(child: Child, port: int) -> float:
    """The time (s since 1970) at which it was seen to be connected to the broker."""
    process = psutil.Process(child.pid)

    def connected() -> bool:
        if not child.alive():
            raise RuntimeError("it ended by itself")
        found = process.net_connections("tcp4")
        return any(c.raddr and c.raddr.port == port and c.status == psutil.CONN_ESTABLISHED for c in found)

    wait_until(connected, STALL_S, "a connection to the broker", pause_s=0.01)
    return time.time()


def _await_all(conn: psycopg.Connection[Any], child: Child) -> None:
    """Until all rows are stored, or none came for a while."""
    before, since = 0, time.monotonic()
    while time.monotonic() - since < STALL_S:
        if not child.alive():
            raise RuntimeError("it ended by itself")
        (stored,) = conn.execute("SELECT count(*) FROM reading").fetchone() or (0,)
        if stored >= rows.TOTAL:
            return
        if stored > before:
            before, since = stored, time.monotonic()
        time.sleep(1)


def _result(conn: psycopg.Connection[Any], began: float, firsts: list[list[int]]) -> Result:
    (stored, ended) = conn.execute(
        "SELECT count(*), extract(epoch FROM max(pg_xact_commit_timestamp(xmin)))::float8 FROM reading"
    ).fetchone() or (0, None)
    if ended is None:
        raise RuntimeError("it stored nothing")
    same = rows.sums(conn) == rows.expected_sums(firsts)
    return Result(stored / (ended - began), stored, same)
