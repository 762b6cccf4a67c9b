"""Measure the lists of administration over HTTP, with a whole district and a year of an office behind them.

Each list is asked for from its beginning, from the middle, by a filter, by a word that some have, and by one that
nobody has, which looks at everybody. The district and the console are those of :mod:`bench.console_district`, the
year's records those of :mod:`bench.office_year`. Pages whose rows the database bounds by viewer are asked for by an
account of the district and by one of a street.
"""

from typing import Any

import numpy as np
import psycopg

from bench.console_district import RESIDENTS, Desk, district_console, session_of
from bench.figures import Figure
from bench.office_year import fill_office

LIMIT_MS = 150.0
TIMES = 60
LISTS: dict[str, tuple[str, ...]] = {
    "residents": (
        "/records/resident?q=", "/records/resident?after=R3000", "/records/resident?ability_grade=severe",
        "/records/resident?q=%E9%99%88", "/records/resident?q=nobody",
    ),
    "homes": (
        "/records/household?q=", "/records/household?after=H3000", "/records/household?q=%E8%B7%AF",
        "/records/household?q=nobody",
    ),
    "contacts": (
        "/records/contact?q=", "/records/contact?after=R3000/0755-00010001", "/records/contact?consent=false",
        "/records/contact?q=nobody",
    ),
    "gateways": ("/records/gateway?q=", "/records/gateway?after=gw-h3000", "/records/gateway?q=nobody"),
    "devices": ("/records/device?q=", "/records/device?after=gw-h3000/bed", "/records/device?q=nobody"),
    "staff": ("/records/staff?q=", "/records/staff?certificates=soon", "/records/staff?q=nobody"),
    "certificates": ("/records/certificate?q=", "/records/certificate?ends=soon", "/records/certificate?q=nobody"),
    "organisations": ("/records/organisation?q=", "/records/organisation?q=nobody"),
    "areas": ("/records/area?q=", "/records/area?q=nobody"),
    "tree of areas": ("/records/area",),
    "accounts": ("/accounts", "/accounts?state=bare", "/accounts?q=kin-1", "/accounts?q=nobody"),
    "the audit": (
        "/audit", "/audit?resident=R0001", "/audit?action=login", "/audit?since=2026-01-01", "/audit?action=nothing",
        "/audit?login=nobody",
    ),
    "the audit, of a street": (
        "/audit", "/audit?action=kind:looks", "/audit?since=2026-01-01", "/audit?action=nothing", "/audit?login=nobody",
    ),
    "the audit, of an empty compound": ("/audit", "/audit?action=kind:looks", "/audit?action=kind:steps"),
    "checkpoints of the audit": ("/audit/checkpoints",),
    "a record with its history": ("/records/resident/at/R0001", "/records/household/at/H0003"),
    "rosters": ("/rosters",),
    "the week of a roster": ("/rosters/center-haishan", "/rosters/district-center"),
    "escalation policies": ("/policies", "/policies/urgent", "/policies/urgent/versions"),
    "thresholds": ("/parameters", "/parameter/limit.heart_rate.high"),
    "thresholds of a resident": ("/parameters/resident/R0001", "/parameters/resident/R3000"),
    "homes that are not seen": ("/gateways", "/gateways?state=all"),
    "the month of protection": ("/protection/history",),
    "the service level": ("/sla",),
    "closed alerts": ("/alerts",),
    "operations": ("/operations",),
    "gateways and devices, of a street": ("/devices", "/devices?q=bed", "/devices?only=silent"),
    "records, of a street": ("/records/resident", "/records/contact", "/records/device?q=bed"),
    "the map": ("/map",),
    "the map, of a street": ("/map",),
    "work orders": ("/orders",),
    "work orders, of a street": ("/orders",),
    "an alert": (),
    "an alert, of a street": (),
    "a resident's values": tuple(f"/residents/R{number:04d}/now" for number in range(1, 7)),
    "a station's page": ("/station",),
}  # fmt: skip
"""Addresses of each list that are asked for in turn; those of alerts are known when the district is there."""
OF_ADMINISTRATORS = frozenset({
    "accounts", "the audit", "checkpoints of the audit", "escalation policies", "thresholds", "operations",
})  # fmt: skip
"""Lists that a dispatcher is refused, or sees less of."""
OF_AUDITORS = {"the audit, of a street": "auditor-street", "the audit, of an empty compound": "auditor-compound"}
OF_STATIONS = frozenset({"a station's page", "an alert, of a street"})


def run() -> list[Figure]:
    """The p95 of each list of records."""
    with (
        district_console() as (platform, session, alerts),
        psycopg.connect(platform.postgres.url, autocommit=True) as conn,
    ):
        told = fill_office(conn)
        desks = {
            role: Desk(platform.address, session_of(conn, _login(conn, role)))
            for role in ("admin", "manager", "station")
        } | {"dispatcher": Desk(platform.address, session)}
        for login in OF_AUDITORS.values():
            _add_auditor(conn, login)
            desks[login] = Desk(platform.address, session_of(conn, login))
        about = [f"/alerts/{alert.id}" for alert in alerts if alert.resident_code]
        street = [f"/alerts/{alert.id}" for alert in alerts if _below(alert.area_path, _area(conn, "station"))]
        lists = LISTS | {"an alert": tuple(about[:12]), "an alert, of a street": tuple(street[:12])}
        return [_figure(name, desks[_role(name)].times(paths, TIMES), told) for name, paths in lists.items()]


def _add_auditor(conn: psycopg.Connection[Any], login: str) -> None:
    """Add an auditor of the first street, or of a compound of its own in which nobody lives."""
    street = "(SELECT path FROM area WHERE level = 'street' ORDER BY path LIMIT 1)"
    if login == "auditor-compound":
        conn.execute(
            "INSERT INTO area (path, level, name_zh, name_en)"
            " SELECT path || 'empty', 'compound', '空', 'Empty' FROM area WHERE level = 'community'"
            " ORDER BY path LIMIT 1"
        )
        street = "(SELECT path FROM area WHERE path ~ '*.empty')"
    conn.execute(
        "INSERT INTO account (login, password_hash, name_zh, name_en, role, area_path, language)"
        f" SELECT '{login}', password_hash, '审', 'Auditor', 'auditor', {street}, 'zh' FROM account"
        " WHERE role = 'admin' ORDER BY id LIMIT 1"
    )


def _role(name: str) -> str:
    if name in OF_AUDITORS:
        return OF_AUDITORS[name]
    if name in OF_STATIONS:
        return "station"
    return "manager" if name.endswith("of a street") else "admin" if name in OF_ADMINISTRATORS else "dispatcher"


def _login(conn: psycopg.Connection[Any], role: str) -> str:
    query = "SELECT login FROM account WHERE role = %s AND active ORDER BY nlevel(area_path), id LIMIT 1"
    row = conn.execute(query, (role,)).fetchone()
    assert row is not None  # noqa: S101 - the demonstration has one
    return str(row[0])


def _area(conn: psycopg.Connection[Any], role: str) -> str:
    row = conn.execute("SELECT area_path::text FROM account WHERE login = %s", (_login(conn, role),)).fetchone()
    assert row is not None  # noqa: S101 - as above
    return str(row[0])


def _below(path: str, area: str) -> bool:
    return f"{path}.".startswith(f"{area}.")


def _figure(name: str, took: list[float], told: str) -> Figure:
    return Figure(
        name=f"administration: {name}, p95",
        value=float(np.percentile(took, 95)),
        unit="ms",
        reference=LIMIT_MS,
        reference_name="limit",
        note=f"{RESIDENTS:,} residents, {told}; median {np.median(took):.0f} ms, slowest {max(took):.0f} ms, "
        f"{len(took)} times",
    )
