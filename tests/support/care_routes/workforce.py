"""The pages of professionals."""

from collections.abc import Callable
from typing import Any

from tests.support.route_example import Example


def _version(city: Any) -> int:
    row = city.conn.execute(
        "SELECT p.version FROM staff_profile p JOIN staff s ON s.id = p.staff_id WHERE s.code = 'S11'"
    ).fetchone()
    return int(row[0]) if row else 0


def _edited(city: Any, _: Any) -> Example:
    form = {"version": _version(city), "education": "college", "level": "3", "first_registered_on": "2024-05-31"}
    return Example("/care/workforce/of/S11/edit", form, success=303)


def _employer(city: Any, _: Any) -> Example:
    city.conn.execute("DELETE FROM staff_employment")
    form = {"employer": "人民医院", "since": "2019-01-01", "until": "2020-01-01"}
    return Example("/care/workforce/of/S11/employers", form, success=303)


def _gone(city: Any, _: Any) -> Example:
    row = city.conn.execute(
        "INSERT INTO staff_employment (staff_id, employer, since) SELECT id, gen_random_uuid()::text, '2019-01-01'"
        " FROM staff WHERE code = 'S11' RETURNING id"
    ).fetchone()
    return Example(f"/care/workforce/of/S11/employers/{row[0]}/remove", {}, success=303)


def _back(city: Any, role: Any) -> Example:
    row = city.conn.execute(
        "INSERT INTO staff_profile_change (staff_id, at, account_id, actor, what, before)"
        " SELECT s.id, now(), a.id, 'x', 'remove_employer',"
        " jsonb_build_object('employer', gen_random_uuid()::text, 'since', '2019-01-01')"
        " FROM staff s, account a WHERE s.code = 'S11' AND a.login = %s RETURNING id",
        ("daughter" if str(role) == "family" else str(role),),
    ).fetchone()
    return Example("/care/workforce/of/S11/employers/back", {"number": row[0] if row else 0}, success=303)


def _reminder(city: Any, _: Any) -> Example:
    city.conn.execute("DELETE FROM certificate_reminder")
    row = city.conn.execute(
        "INSERT INTO certificate_reminder (staff_id, kind, expires_on, days, made_at)"
        " SELECT id, 'health', current_date + 5, 7, now() FROM staff WHERE code = 'S11' RETURNING id"
    ).fetchone()
    return Example(f"/care/workforce/ending/{row[0]}/take", {}, success=303)


def _taken(city: Any, role: Any) -> Example:
    example = _reminder(city, role)
    city.conn.execute("UPDATE certificate_reminder SET taken_at = now(), taken_name = '某'")
    return Example(example.path.replace("/take", "/open"), {"reason": "调离了"}, success=303)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/workforce": lambda *_: Example("/care/workforce?q=员&skill=lifting&day=2026-11-30"),
    "GET /care/workforce/of/{staff}": lambda *_: Example("/care/workforce/of/S11"),
    "GET /care/workforce/of/{staff}/edit": lambda *_: Example("/care/workforce/of/S11/edit"),
    "POST /care/workforce/of/{staff}/edit": _edited,
    "POST /care/workforce/of/{staff}/employers": _employer,
    "POST /care/workforce/of/{staff}/employers/{number}/remove": _gone,
    "POST /care/workforce/of/{staff}/employers/back": _back,
    "GET /care/workforce/import": lambda *_: Example("/care/workforce/import"),
    "GET /care/workforce/import/table": lambda *_: Example("/care/workforce/import/table"),
    "POST /care/workforce/import": lambda *_: Example("/care/workforce/import", {}, success=422),
    "GET /care/workforce/sending": lambda *_: Example("/care/workforce/sending"),
    "GET /care/workforce/ending": lambda *_: Example("/care/workforce/ending?only=missing"),
    "POST /care/workforce/ending/{number}/take": _reminder,
    "POST /care/workforce/ending/{number}/open": _taken,
    "GET /care/workforce/figures": lambda *_: Example("/care/workforce/figures"),
}
