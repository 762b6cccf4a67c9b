"""Home care beds, equipment and grants."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from care_network.access.permissions import Role
from care_services.grants.desk import Grants
from care_services.home_beds.equipment.desk import Equipment
from tests.support.network import account
from tests.support.route_example import Example
from vocabulary.times import SHANGHAI

OPEN = "('closed', 'refused', 'withdrawn')"


def bed(city: Any, state: str = "applied") -> tuple[int, int]:
    """A bed of R1 in a state, with one planned device; their numbers."""
    conn = city.conn
    conn.execute(f"UPDATE home_bed SET state = 'closed' WHERE state NOT IN {OPEN}")
    conn.execute("UPDATE resident SET ability_grade = 'severe' WHERE code = 'R1'")
    row = conn.execute(
        "INSERT INTO home_bed (resident_id, state, state_since, applied_at, applicant, ability_grade)"
        " SELECT id, %s, now(), now(), '女儿', 'severe' FROM resident WHERE code = 'R1' RETURNING id",
        (state,),
    ).fetchone()
    conn.execute(
        "INSERT INTO home_bed_step (bed_id, at, step, to_state, actor) VALUES (%s, now(), 'apply', %s, '某')",
        (row[0], state),
    )
    planned = conn.execute(
        "INSERT INTO home_bed_device (bed_id, room, model) VALUES (%s, 'bedroom', 'tuya-ts0601-bed') RETURNING id",
        (row[0],),
    ).fetchone()
    return row[0], planned[0]


def page(city: Any, path: str, state: str = "applied", **data: Any) -> Example:
    """A request about a new bed of R1."""
    number, planned = bed(city, state)
    form = {"version": 1, **data} if data else None
    return Example(path.format(bed=number, device=planned), form, success=303 if form else 200)


def step(city: Any, role: Role) -> Example:
    """A step that the role may take: who approves alone refuses."""
    if role == Role.ADMIN:
        return page(city, "/care/beds/at/{bed}/step", step="refuse", reason="不符合")
    return page(city, "/care/beds/at/{bed}/step", step="accept")


def undo(city: Any, role: Role) -> Example:
    """Taking back what the role's account has just done."""
    login = {Role.MANAGER: "manager", Role.STATION: "station"}.get(role, "station")
    number, _ = bed(city, "assessing")
    city.conn.execute(
        "INSERT INTO home_bed_step (bed_id, at, step, from_state, to_state, account_id, actor)"
        " SELECT %s, now(), 'accept', 'applied', 'assessing', id, '某' FROM account WHERE login = %s",
        (number, login),
    )
    return Example(f"/care/beds/at/{number}/undo", {"version": 1}, success=303)


def kit(city: Any) -> Equipment:
    """The stock, as the station works on it."""
    return Equipment(city.conn, account(city.conn, "station"), at=dt.datetime.now(dt.UTC))


def item(city: Any) -> int:
    """A new wheelchair that is lent to R1."""
    number = kit(city).add("wheelchair", f"W-{dt.datetime.now(dt.UTC).timestamp()}", "center-1")
    kit(city).lend(number, "R1")
    return number


def grant(city: Any) -> tuple[int, int]:
    """An application about R1 that waits: (number, version)."""
    city.conn.execute("UPDATE grant_application SET state = 'withdrawn' WHERE state = 'waiting'")
    desk = Grants(city.conn, account(city.conn, "station"), at=dt.datetime.now(dt.UTC))
    number = desk.apply("age_friendly", "R1", "女儿", {})
    return number, desk.application(number).application.version


def about_grant(city: Any, path: str, **data: Any) -> Example:
    """A request about an application that waits."""
    number, version = grant(city)
    form = {"version": version, **data} if path else None
    return Example(f"/care/grants/at/{number}{path}", form, success=303 if form else 200)


def month() -> str:
    """The present month."""
    return f"{dt.datetime.now(SHANGHAI):%Y-%m}"


def newly(city: Any, role: Role) -> Example:
    """An application for a bed where none is on its way."""
    city.conn.execute(f"UPDATE home_bed SET state = 'closed' WHERE state NOT IN {OPEN}")
    return Example("/care/beds/new", {"resident": "R1", "applicant": "女儿"}, success=303)


def applied(city: Any, role: Role) -> Example:
    """An application for a grant where none of the kind waits."""
    city.conn.execute("UPDATE grant_application SET state = 'withdrawn' WHERE state = 'waiting'")
    data = {"kind": "age_friendly", "resident": "R1", "applicant": "女儿"}
    return Example("/care/grants/new", data, success=303)


def onsite(city: Any, role: Role) -> Example:
    """A trouble with a device that is reported from the flat."""
    number, planned = bed(city, "installing")
    data = {"act": "trouble", "version": 1, "number": planned, "words": "指示灯不亮"}
    return Example(f"/mine/beds/{number}", data, success=303)


def contracted(city: Any) -> Example:
    """A bed in service with a contract, for which nothing is approved: no plan is made."""
    number, _ = bed(city, "in_service")
    city.conn.execute(
        "INSERT INTO home_bed_contract (bed_id, number, begins_on, ends_on, plan, visits_month, hours_month, signed_at,"
        " signed_by) VALUES (%s, %s, current_date, current_date + 300, 'severe', 20, 32, now(), '某')",
        (number, f"HT-{number}"),
    )
    return Example(f"/care/beds/at/{number}/services", {"version": 1}, success=303)


def reclaimed(city: Any, role: Role) -> Example:
    """A grant that stopped with a bed after its month was settled."""
    row = city.conn.execute(
        "INSERT INTO grant_application (kind, resident_id, state, applicant, applied_at, settled_by, amount_fen, per,"
        " pays_from, pays_until, decided_at) SELECT 'bed_operation', id, 'approved', '女儿', now(), 'rules', 40000,"
        " 'month', date_trunc('month', now()) - interval '2 months', date_trunc('month', now()) - interval '2 months',"
        " now() FROM resident WHERE code = 'R1' RETURNING id, resident_id, pays_from"
    ).fetchone()
    city.conn.execute(
        "INSERT INTO grant_payment (month, application_id, resident_id, amount_fen, settled_at, settled_by)"
        " VALUES (%s, %s, %s, 40000, now(), '某')",
        (row[2], row[0], row[1]),
    )
    data = {"version": 1, "amount": "400", "note": "转账", "back": "true"}
    return Example(f"/care/grants/at/{row[0]}/correct", data, success=303)


EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care/beds": lambda *_: Example("/care/beds"),
    "GET /care/beds/stage/{stage}": lambda city, _: page(city, "/care/beds/stage/applied"),
    "GET /care/beds/new": lambda *_: Example("/care/beds/new"),
    "POST /care/beds/new": newly,
    "GET /care/beds/at/{bed_id}": lambda city, _: page(city, "/care/beds/at/{bed}", "installing"),
    "GET /care/beds/at/{bed_id}/confirm": lambda city, role: page(
        city, f"/care/beds/at/{{bed}}/confirm?step={'refuse' if role == Role.ADMIN else 'withdraw'}"
    ),
    "POST /care/beds/at/{bed_id}/step": step,
    "POST /care/beds/at/{bed_id}/undo": undo,
    "POST /care/beds/at/{bed_id}/organisation": lambda city, _: page(
        city, "/care/beds/at/{bed}/organisation", organisation="center-1"
    ),
    "POST /care/beds/at/{bed_id}/survey": lambda city, _: page(
        city, "/care/beds/at/{bed}/survey", "surveying", **{"item.bed_rail": "needed"}
    ),
    "POST /care/beds/at/{bed_id}/devices": lambda city, _: page(
        city, "/care/beds/at/{bed}/devices", "planning", act="add", room="hall", model="aqara-mccgq11lm"
    ),
    "GET /care/beds/at/{bed}/devices/{number}/now": lambda city, _: page(
        city, "/care/beds/at/{bed}/devices/{device}/now", "installing"
    ),
    "POST /care/beds/at/{bed_id}/check": lambda city, _: page(
        city, "/care/beds/at/{bed}/check", "in_service", result="good"
    ),
    "POST /care/beds/at/{bed_id}/services": lambda city, _: contracted(city),
    "GET /care/beds/at/{bed_id}/devices/now": lambda city, _: page(
        city, "/care/beds/at/{bed}/devices/now", "installing"
    ),
    "GET /care/beds/at/{bed_id}/pdf": lambda city, _: page(city, "/care/beds/at/{bed}/pdf", "installing"),
    "GET /care/beds/ending": lambda *_: Example("/care/beds/ending"),
    "GET /mine/beds": lambda *_: Example("/mine/beds"),
    "GET /mine/beds/{bed_id}": lambda city, _: page(city, "/mine/beds/{bed}", "installing"),
    "GET /mine/beds/{bed_id}/now": lambda city, _: page(city, "/mine/beds/{bed}/now", "installing"),
    "POST /mine/beds/{bed_id}": onsite,
    "GET /care/equipment": lambda *_: Example("/care/equipment"),
    "POST /care/equipment": lambda *_: Example(
        "/care/equipment",
        {"kind": "cane", "serial": f"C-{dt.datetime.now(dt.UTC).timestamp()}", "organisation": "center-1"}, success=303,
    ),
    "GET /care/equipment/items": lambda *_: Example("/care/equipment/items?state=lent"),
    "GET /care/equipment/at/{item_id}": lambda city, _: Example(f"/care/equipment/at/{item(city)}"),
    "POST /care/equipment/at/{item_id}": lambda city, _: Example(
        f"/care/equipment/at/{item(city)}", {"act": "return", "condition": "good"}, success=303
    ),
    "GET /care/grants": lambda *_: Example("/care/grants"),
    "GET /care/grants/new": lambda *_: Example("/care/grants/new?kind=age_friendly"),
    "POST /care/grants/new": applied,
    "GET /care/grants/paid": lambda *_: Example("/care/grants/paid"),
    "GET /care/grants/reclaim": lambda *_: Example("/care/grants/reclaim"),
    "POST /care/grants/at/{application_id}/correct": reclaimed,
    "GET /care/grants/paid.csv": lambda *_: Example("/care/grants/paid.csv"),
    "POST /care/grants/paid": lambda *_: Example("/care/grants/paid", {"month": month()}, success=303),
    "GET /care/grants/at/{application_id}": lambda city, _: about_grant(city, ""),
    "POST /care/grants/at/{application_id}/again": lambda city, _: about_grant(city, "/again", owner_agrees="true"),
    "POST /care/grants/at/{application_id}/withdraw": lambda city, _: about_grant(city, "/withdraw", reason="x"),
    "POST /care/grants/at/{application_id}/decide": lambda city, _: about_grant(
        city, "/decide", act="refuse", reason="会商"
    ),
}  # fmt: skip
ABOUT_NOBODY = {
    "GET /care/beds/new", "GET /care/grants/new",
    # what changes on a page whose look is in the audit: devices and what they sent
    "GET /care/beds/at/{bed_id}/devices/now", "GET /mine/beds/{bed_id}/now",
}  # fmt: skip
OF_THE_DISTRICT = {"GET /care/beds/stage/{stage}"}
