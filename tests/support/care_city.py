"""The small city of ``tests.support.orders`` with a catalogue of services, providers and people who go to homes."""

import datetime as dt
from typing import Any

import psycopg

from care_network.access.accounts import Account
from care_network.records import kinds, store
from care_network.records.staff_records import NewStaff
from care_services.core.acting import Acting
from care_services.home_services.catalogue import catalogue
from care_services.home_services.catalogue.catalogue import CareService
from tests.support.network import account

BATH = CareService(
    code="bath", work="bathing", name_zh="居家助浴", name_en="bath at home", unit="visit", minutes=60,
    tasks_zh=("测量血压", "洗浴", "清理"), tasks_en=("blood pressure", "bath", "tidying"),
)  # fmt: skip
CLEANING = CareService(
    code="clean", work="cleaning", name_zh="居家保洁", name_en="cleaning", unit="hour", minutes=120,
    tasks_zh=("清扫",), tasks_en=("cleaning",),
)  # fmt: skip


def acting(conn: psycopg.Connection[Any], login: str, at: dt.datetime) -> Acting:
    """An account of the city at a moment."""
    found: Account = account(conn, login)
    return Acting(found, at, "test")


def add_services(conn: psycopg.Connection[Any], now: dt.datetime) -> None:
    """A bath for 120 yuan and cleaning for 40 yuan an hour by Haishan's center; its carer S1 can do both."""
    admin = acting(conn, "admin", now)
    for service in (BATH, CLEANING):
        catalogue.add_service(conn, admin, service)
    for code, fen in (("bath", 12_000), ("clean", 4_000)):
        catalogue.set_price(conn, admin, code, "center-1", admin.today, fen)
    conn.execute("UPDATE staff SET skills = '{lifting,bathing,housekeeping}' WHERE code = 'S1'")
    colleague = NewStaff(
        code="S9", organisation="center-1", kind="carer", name_zh="何芳", name_en="He Fang", phone="0755-00009",
        skills=("bathing",), languages=("cmn",),
    )  # fmt: skip
    store.add(conn, kinds.STAFF, colleague, now.date())
    conn.execute(
        "INSERT INTO staff_certificate (staff_id, kind) SELECT id, 'elder_carer' FROM staff WHERE code IN ('S1', 'S9')"
        " ON CONFLICT DO NOTHING"
    )
    conn.commit()


def resident_id(conn: psycopg.Connection[Any], code: str) -> int:
    row = conn.execute("SELECT id FROM resident WHERE code = %s", (code,)).fetchone()
    assert row is not None
    return int(row[0])
