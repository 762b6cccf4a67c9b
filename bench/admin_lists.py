"""Measure the lists of administration over HTTP, with a whole district behind them: how long a page of each takes.

Each list is asked for from its beginning, from the middle, by a filter, by a word that some have, and by one that
nobody has, which looks at everybody. The district and the console are those of :mod:`bench.console_district`.
"""

import numpy as np
import psycopg

from bench.console_district import RESIDENTS, Desk, district_console, session_of
from bench.figures import Figure

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
    "accounts": ("/accounts", "/accounts?state=bare", "/accounts?q=nobody"),
    "the audit": ("/audit", "/audit?resident=R0001", "/audit?action=login", "/audit?login=nobody"),
    "a record with its history": ("/records/resident/at/R0001", "/records/household/at/H0003"),
}  # fmt: skip
"""Addresses of each list that are asked for in turn."""
OF_ADMINISTRATORS = ("accounts", "the audit")
"""Lists that a dispatcher is refused."""


def run() -> list[Figure]:
    """The p95 of each list of records."""
    with district_console() as (platform, session, _), psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        conn.execute("ANALYZE")
        row = conn.execute("SELECT login FROM account WHERE role = 'admin' AND active ORDER BY id LIMIT 1").fetchone()
        assert row is not None  # noqa: S101 - the demonstration has one
        desk, admin = Desk(platform.address, session), Desk(platform.address, session_of(conn, row[0]))
        return [
            _figure(name, (admin if name in OF_ADMINISTRATORS else desk).times(paths, TIMES))
            for name, paths in LISTS.items()
        ]


def _figure(name: str, took: list[float]) -> Figure:
    return Figure(
        name=f"administration: {name}, p95",
        value=float(np.percentile(took, 95)),
        unit="ms",
        reference=LIMIT_MS,
        reference_name="limit",
        note=f"{RESIDENTS:,} residents; median {np.median(took):.0f} ms, slowest {max(took):.0f} ms, {len(took)} times",
    )
