"""Ladders and work orders go on by themselves after a database that took nothing, whatever it said."""

import datetime as dt
import threading
from collections.abc import Callable
from types import SimpleNamespace

import psycopg
import pytest

from database.settings import DatabaseSettings
from dispatch.escalation import service
from dispatch.escalation.settings import DispatchSettings
from dispatch.orders import sweeper
from tests.support.services import in_thread, wait_for
from tests.support.troubles import column_away, read_only

pytestmark = pytest.mark.integration


def migrating(_: str) -> tuple[str, str]:
    return column_away("household", "area_id")


@pytest.mark.parametrize("trouble", [read_only, migrating])
def test_ladders_climb_again(
    database_url: str, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[str], tuple[str, str]]
) -> None:
    monkeypatch.setattr(service, "RETRY_S", 0.05)
    begin, end = trouble(database_url)
    waited = threading.Event()
    climb = service._climb

    def climbing(*arguments: object) -> None:
        try:
            climb(*arguments)  # type: ignore[arg-type]
        except psycopg.Error:
            waited.set()
            raise

    monkeypatch.setattr(service, "_climb", climbing)
    settings = DatabaseSettings(url=database_url)
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(begin.encode())
        with in_thread(lambda stop: service.run(DispatchSettings(), settings, stop), 20):
            assert waited.wait(10)
            conn.execute(b"SET default_transaction_read_only = off")
            conn.execute(end.encode())
            count = "SELECT count(*) FROM dispatch_worker"
            wait_for(lambda: conn.execute(count).fetchone() == (1,), 30, lambda: "no worker reports")


def test_work_orders_are_swept_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "AFTER_TROUBLE_S", 0.05)
    monkeypatch.setattr(sweeper, "EVERY_S", 0.05)
    swept: list[str] = []
    sweep = sweeper.sweep

    def sweeping(*arguments: object) -> sweeper.SweepCounts:
        try:
            found = sweep(*arguments)  # type: ignore[arg-type]
        except psycopg.Error:
            swept.append("refused")
            raise
        swept.append("done")
        return found

    monkeypatch.setattr(sweeper, "sweep", sweeping)
    begin, end = column_away("work_order", "state")
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(begin.encode())
        with in_thread(lambda stop: sweeper.run(DatabaseSettings(url=database_url), stop), 20):
            wait_for(lambda: "refused" in swept, 30, lambda: str(swept))
            conn.execute(end.encode())
            wait_for(lambda: "done" in swept, 30, lambda: str(swept))


def test_work_orders_expire_by_the_databases_clock(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose clock is wrong lets no order expire before its time."""
    swept: list[dt.datetime] = []

    def sweeping(_conn: object, _crews: object, now: dt.datetime) -> sweeper.SweepCounts:
        swept.append(now)
        return sweeper.SweepCounts()

    class Ahead(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "Ahead":
            return super().now(tz) + dt.timedelta(hours=2)

    monkeypatch.setattr(sweeper, "sweep", sweeping)
    monkeypatch.setattr(sweeper, "dt", SimpleNamespace(datetime=Ahead, UTC=dt.UTC))
    with in_thread(lambda stop: sweeper.run(DatabaseSettings(url=database_url), stop), 20):
        wait_for(lambda: bool(swept), 30, lambda: "nothing is swept")
    assert abs(swept[0] - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)
