"""A small city in a test's database, with accounts of every role, for the care network's tests."""

import datetime as dt
from functools import cache
from unittest.mock import patch

import psycopg

from care_network.access import passwords
from care_network.access.accounts import Account, account_by_login
from care_network.records import kinds, provisioning, store
from care_network.records.network import Network
from care_network.records.records import NewAccount, NewArea, NewGateway, NewHousehold, NewOrganisation, NewResident
from care_network.records.staff_records import NewShift, NewStaff
from tests.support.replay import Replay

NOW = dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC)
"""A Monday, noon in Shanghai."""
C1, C2 = "sz.yt.hs.pw.c1", "sz.yt.ms.dm.c2"
AREAS = (
    ("sz", "city"), ("sz.yt", "district"), ("sz.yt.hs", "street"), ("sz.yt.hs.pw", "community"), (C1, "compound"),
    ("sz.yt.ms", "street"), ("sz.yt.ms.dm", "community"), (C2, "compound"),
)  # fmt: skip
LOGINS = (
    ("admin", "admin", "sz.yt"), ("dispatcher", "dispatcher", "sz.yt"), ("carer", "carer", "sz.yt.hs"),
    ("carer-ms", "carer", "sz.yt.ms"), ("admin-hs", "admin", "sz.yt.hs"), ("station", "station", "sz.yt.hs"),
    ("station-ms", "station", "sz.yt.ms"), ("daughter", "family", None),
)  # fmt: skip
_hash_once = cache(passwords.hash_password)
"""A hash is slow on purpose, and hundreds of tests build this city with one password."""


def _build_city(conn: psycopg.Connection) -> None:
    for path, level in AREAS:
        provisioning.add_area(conn, NewArea(path, level, f"地{path}", f"Place {path}"))  # type: ignore[arg-type]
    with patch.object(passwords, "hash_password", _hash_once):
        for login, role, area in LOGINS:
            new = NewAccount(
                login=login, password="three words together", name_zh="某", name_en="Somebody", role=role, area=area
            )  # type: ignore[arg-type]
            provisioning.add_account(conn, new)
    for number, (street, compound) in enumerate([("sz.yt.hs", C1), ("sz.yt.ms", C2)], 1):
        provisioning.add_household(
            conn,
            NewHousehold(code=f"H{number}", area=compound, address_zh=f"路{number}号", address_en=f"{number} Road"),
        )
        new_resident = NewResident(
            code=f"R{number}",
            household=f"H{number}",
            name_zh="陈",
            name_en="Chen",
            sex="male",
            birth_date=dt.date(1940, 1, 1),
        )
        provisioning.add_resident(conn, new_resident, NOW.date())
        provisioning.add_gateway(conn, NewGateway(f"gw-{number}", f"H{number}"))
        center = NewOrganisation(
            code=f"center-{number}", area=street, kind="street_elder_center", name_zh="中心", name_en="Center"
        )
        provisioning.add_organisation(conn, center)
        night = NewShift(center.code, "night", "夜班", "Night", dt.time(23), dt.time(7))
        store.add(conn, kinds.SHIFT, night, NOW.date())
        login = {1: "carer", 2: "carer-ms"}[number]
        staff = NewStaff(
            code=f"S{number}",
            organisation=center.code,
            kind="carer",
            name_zh="许晴",
            name_en="Xu Qing",
            phone="0755-00001",
            skills=("lifting",),
            login=login,
        )
        store.add(conn, kinds.STAFF, staff, NOW.date())


build_city = Replay(_build_city)
"""Two streets with a compound each; R1 with gw-1 in Haishan, R2 in Meisha; a center with a night shift each."""


def account(conn: psycopg.Connection, login: str) -> Account:
    found = account_by_login(conn, login)
    assert found is not None
    return found


def network(conn: psycopg.Connection, login: str) -> Network:
    return Network(conn, account(conn, login), at=NOW, origin="test")


def open_alert(
    conn: psycopg.Connection, resident: str | None, household: str, severity: str = "emergency", state: str = "raised"
) -> str:
    """An alert as alerting stores it; its id."""
    row = conn.execute(
        """
        INSERT INTO alert (id, rule, rule_version, severity, subject, household_id, resident_id, state, onset,
                           sensed_at, received_at, raised_at, reason_zh, reason_en, evidence)
        SELECT gen_random_uuid(), 'fall', 1, %s, 'x', h.id, (SELECT id FROM resident WHERE code = %s), %s,
               now(), now(), now(), now(), '', '', '{}' FROM household h WHERE h.code = %s RETURNING id::text
        """,
        (severity, resident, state, household),
    ).fetchone()
    assert row is not None
    return str(row[0])
