"""Ladders and work orders go on by themselves after a database that took nothing, whatever it said."""

import threading
from collections.abc import Callable

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from alerting.escalation import service
from alerting.escalation.settings import DispatchSettings
from alerting.orders import sweeper
from database.settings import DatabaseSettings
from tests.support.services import wait_for

pytestmark = pytest.mark.integration


def read_only(url: str) -> tuple[str, str]:
    """As after a fail-over, on the standby."""
    setting = f'ALTER DATABASE "{conninfo_to_dict(url)["dbname"]}" SET default_transaction_read_only = '
    return f"{setting} on", f"{setting} off"


def migrating(_: str) -> tuple[str, str]:
    rename = "ALTER TABLE household RENAME COLUMN {} TO {}"
    return rename.format("area_id", "elsewhere"), rename.format("elsewhere", "area_id")


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
    stop = threading.Event()
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(begin.encode())
        worker = threading.Thread(
            target=service.run, args=(DispatchSettings(), DatabaseSettings(url=database_url), stop)
        )
        worker.start()
        try:
            assert waited.wait(10)
            conn.execute(b"SET default_transaction_read_only = off")
            conn.execute(end.encode())
            count = "SELECT count(*) FROM dispatch_worker"
            wait_for(lambda: conn.execute(count).fetchone() == (1,), 10, lambda: "no worker reports")
        finally:
            stop.set()
            worker.join(20)
    assert not worker.is_alive()


def test_work_orders_are_swept_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "AFTER_TROUBLE_S", 0.05)
    monkeypatch.setattr(sweeper, "EVERY_S", 0.05)
    swept: list[str] = []
    sweep = sweeper.sweep

    def sweeping(*arguments: object) -> sweeper.Swept:
        try:
            found = sweep(*arguments)  # type: ignore[arg-type]
        except psycopg.Error:
            swept.append("refused")
            raise
        swept.append("done")
        return found

    monkeypatch.setattr(sweeper, "sweep", sweeping)
    rename = "ALTER TABLE work_order RENAME COLUMN {} TO {}"
    begin, end = rename.format("state", "elsewhere"), rename.format("elsewhere", "state")
    stop = threading.Event()
    with psycopg.connect(database_url, autocommit=True) as conn:
        conn.execute(begin.encode())
        worker = threading.Thread(target=sweeper.run, args=(DatabaseSettings(url=database_url), stop))
        worker.start()
        try:
            wait_for(lambda: "refused" in swept, 10, lambda: str(swept))
            conn.execute(end.encode())
            wait_for(lambda: "done" in swept, 10, lambda: str(swept))
        finally:
            stop.set()
            worker.join(20)
    assert not worker.is_alive()
