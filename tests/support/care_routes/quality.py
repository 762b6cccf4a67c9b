"""Complaints of R1, and checks of the center in Haishan."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import psycopg

from care_network.access.permissions import Role
from care_services.complaints import desk
from care_services.complaints.desk import NewComplaint
from care_services.core.acting import Acting
from care_services.quality import checks
from care_services.quality.checklists import lists
from care_services.quality.checks import Verdict
from tests.support.network import account
from tests.support.route_example import Example

_LOGINS = {Role.FAMILY: "daughter"}


def _acting(conn: psycopg.Connection[Any], login: str) -> Acting:
    return Acting(account(conn, login), dt.datetime.now(dt.UTC), "test")


def _login(role: Role) -> str:
    return _LOGINS.get(role, str(role))


def _complaint(conn: psycopg.Connection[Any], login: str = "station") -> str:
    family = login == "daughter"
    new = NewComplaint(
        about="visit", category="absent", severity="minor", words="没来", channel="telephone",
        author="family" if family else "resident", name="" if family else "陈", resident="R1",
    )  # fmt: skip
    return desk.receive(conn, _acting(conn, login), new)


def _of(city: Any, role: Role) -> Example:
    return Example(f"/care/complaints/of/{_complaint(city.conn, 'daughter' if role is Role.FAMILY else 'station')}")


def _step(city: Any, role: Role) -> Example:
    code = _complaint(city.conn, "daughter" if role is Role.FAMILY else "station")
    if role is Role.FAMILY:
        desk.act(city.conn, _acting(city.conn, "station"), code, "answer", "已道歉", 1)
        return Example(f"/care/complaints/of/{code}", {"step": "satisfied", "version": "2"}, success=303)
    return Example(f"/care/complaints/of/{code}", {"step": "answer", "words": "已道歉", "version": "1"}, success=303)


def _new(*_: Any) -> Example:
    data = {"about": "visit", "category": "absent", "severity": "minor", "words": "没来", "channel": "telephone",
            "author": "resident", "name": "陈", "resident": "R1"}  # fmt: skip
    return Example("/care/complaints/new", data, success=303)


def _provider(conn: psycopg.Connection[Any], role: Role) -> None:
    """The role's account works at the center, whose own check it makes."""
    conn.execute("UPDATE staff SET account_id = NULL")
    conn.execute(
        "UPDATE staff SET account_id = (SELECT id FROM account WHERE login = %s) WHERE code = 'S13'", (_login(role),)
    )


def _check(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute(
        "INSERT INTO quality_check (kind, list, edition, organisation_id, area_path, due_on, state)"
        " SELECT 'own', 'stations', 1, o.id, 'sz.yt.hs', current_date, 'planned' FROM organisation o"
        " WHERE o.code = 'center-1' RETURNING id"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _verdicts() -> dict[str, str]:
    found = {"version": "1", "note": ""}
    for item in lists()["stations"].items("own"):
        found[f"verdict.{item.code}"] = "pass"
    return found


def _finish(city: Any, role: Role) -> Example:
    _provider(city.conn, role)
    return Example(f"/care/quality/checks/{_check(city.conn)}", _verdicts(), success=303)


def _finding(conn: psycopg.Connection[Any]) -> int:
    conn.execute("UPDATE staff SET account_id = NULL")
    conn.execute("UPDATE staff SET account_id = (SELECT id FROM account WHERE login = 'station') WHERE code = 'S13'")
    number = _check(conn)
    seen = {
        item.code: Verdict(verdict="fail" if item.code == "open" else "pass", note="未开门", responsible="许晴")
        for item in lists()["stations"].items("own")
    }
    checks.finish(conn, _acting(conn, "station"), number, seen, "", 1)
    row = conn.execute("SELECT max(id) FROM quality_finding").fetchone()
    assert row is not None
    return int(row[0])


def _mended(city: Any, role: Role) -> Example:
    number = _finding(city.conn)
    _provider(city.conn, role)
    data = {"step": "mended", "words": "已开门", "version": "1"}
    return Example(f"/care/quality/findings/{number}", data, success=303)


def _see(city: Any, _role: Role) -> Example:
    return Example(f"/care/quality/findings/{_finding(city.conn)}")


def _plan_data() -> dict[str, str]:
    return {"kind": "station", "listed": "stations", "provider": "center-1"}


def _plan(city: Any, _role: Role) -> Example:
    city.conn.execute("UPDATE staff SET account_id = NULL")
    return Example("/care/quality/plans", _plan_data(), success=303)


def _drawn(city: Any, _role: Role) -> Example:
    city.conn.execute("UPDATE staff SET account_id = NULL")
    due = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=9)
    number = checks.draw_checks(city.conn, _acting(city.conn, "station"), "station", "stations", 1, due, homes=False)
    return Example(f"/care/quality/plans/{number}")


def _looked_at(city: Any, _role: Role) -> Example:
    return Example(f"/care/quality/checks/{_check(city.conn)}")


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/complaints": lambda *_: Example("/care/complaints"),
    "GET /care/complaints/own": lambda *_: Example("/care/complaints/own"),
    "GET /care/complaints/new": lambda *_: Example("/care/complaints/new"),
    "POST /care/complaints/new": _new,
    "GET /care/complaints/of/{code}": _of,
    "POST /care/complaints/of/{code}": _step,
    "GET /care/quality": lambda *_: Example("/care/quality"),
    "GET /care/quality/checks": lambda *_: Example("/care/quality/checks"),
    "GET /care/quality/checks/{number}": _looked_at,
    "POST /care/quality/checks/{number}": _finish,
    "GET /care/quality/findings/{number}": _see,
    "POST /care/quality/findings/{number}": _mended,
    "GET /care/quality/plans": lambda *_: Example("/care/quality/plans"),
    "POST /care/quality/plans": _plan,
    "GET /care/quality/plans/{number}": _drawn,
    "GET /care/quality/providers": lambda *_: Example("/care/quality/providers"),
    "GET /care/quality/providers/{provider}": lambda *_: Example("/care/quality/providers/center-1"),
}
