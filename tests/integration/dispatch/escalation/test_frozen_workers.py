"""One of two stands still amid its work (SIGSTOP): the other one does it within 10 s, and nothing is done twice."""

import datetime as dt
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from dispatch.orders import assigning
from dispatch.orders.people import Crews
from tests.support.ladders import BEDS, STAFF, build_duty, ladder, raise_one, told, use
from tests.support.orders import ZHOU, raise_alert, staff_city
from tests.support.services import WorkerProcess, wait_for

pytestmark = pytest.mark.integration
LATE_S = 10
"""Greatest delay of an alert where one process dies or stands still."""


@contextmanager
def two_workers(module: str, folder: Path, url: str) -> Iterator[tuple[WorkerProcess, WorkerProcess]]:
    first, second = (WorkerProcess(module, folder, name, url) for name in ("first", "second"))
    try:
        yield first, second
    finally:
        first.send(signal.SIGCONT)
        for worker in (first, second):
            worker.stop()


@contextmanager
def frozen_amid_a_transaction(conn: psycopg.Connection, url: str, table: str, worker: WorkerProcess) -> Iterator[None]:
    """Stop the worker while it has claimed its rows and waits for ``table``; inside, it stands
    still with their locks."""
    with psycopg.connect(url) as holder:
        holder.execute(f"LOCK TABLE {table} IN SHARE MODE")
        worker.start()
        waiting = (
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'shouwang-%'"
        )
        wait_for(lambda: conn.execute(waiting).rowcount == 1, 30, worker.log)
        worker.send(signal.SIGSTOP)
        frozen = [pid for (pid,) in conn.execute(waiting)]  # its other threads may be in a transaction, too
    idle = "SELECT FROM pg_stat_activity WHERE state = 'idle in transaction' AND pid = ANY(%s)"
    wait_for(lambda: conn.execute(idle, (frozen,)).rowcount == 1, 30, worker.log)
    yield


def test_a_ladder_climbs_on_although_its_worker_is_frozen(database_url: str, tmp_path: Path) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as conn,
        two_workers("dispatch.escalation", tmp_path, database_url) as (first, second),
    ):
        build_duty(conn)
        use(conn, ladder())
        alert = raise_one(conn)
        with frozen_amid_a_transaction(conn, database_url, "alert_event", first):
            second.start()
            wait_for(lambda: bool(told(conn, alert)), LATE_S, second.log)
        first.send(signal.SIGCONT)
        wait_for(lambda: "ladders wait" in first.log(), 20, first.log)
        conn.execute("UPDATE alert SET next_step_at = clock_timestamp()")  # a sign of life of either
        wait_for(lambda: len(told(conn, alert)) == 2, 20, second.log)
        assert told(conn, alert)[0] == (0, 1, STAFF[BEDS]), "the first step was done once"
        steps = "SELECT count(*) FROM alert_event WHERE action = 'call_out'"
        assert conn.execute(steps).fetchone() == (2,)


def test_an_order_is_offered_although_its_worker_is_frozen(database_url: str, tmp_path: Path) -> None:
    with (
        psycopg.connect(database_url, autocommit=True) as conn,
        two_workers("dispatch.orders", tmp_path, database_url) as (first, second),
    ):
        staff_city(conn)
        now = dt.datetime.now(dt.UTC)
        assigning.dispatch_alert(conn, Crews(), raise_alert(conn, now), ZHOU, now, service="fall_assistance")
        conn.execute("UPDATE work_order SET next_at = clock_timestamp()")  # the one who was asked is silent
        expired = "SELECT FROM work_order_event WHERE action = 'expire'"
        with frozen_amid_a_transaction(conn, database_url, "work_order_event", first):
            second.start()
            wait_for(lambda: conn.execute(expired).rowcount == 1, LATE_S, second.log)
        first.send(signal.SIGCONT)
        wait_for(lambda: "takes nothing" in first.log(), 20, first.log)
        assert conn.execute(expired).rowcount == 1, "the next one was asked once"
