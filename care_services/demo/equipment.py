"""Equipment of the demonstration: a stock at each street elder center, lent to beds, some overdue or in repair."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.home_beds.equipment.desk import KINDS
from vocabulary.times import SHANGHAI

_STOCK = (
    ("wheelchair", 4), ("walker", 3), ("cane", 3), ("care_bed", 2), ("pressure_mattress", 2), ("bed_rail", 2),
    ("commode", 2), ("shower_chair", 2), ("oxygen_concentrator", 2), ("call_button", 3),
)  # fmt: skip
_ACTOR = "何站长"


def fill(conn: Connection[Any], now: dt.datetime) -> None:
    """Add a stock where there is none at all."""
    if conn.execute("SELECT FROM equipment_item LIMIT 1").fetchone() is not None:
        return
    today = now.astimezone(SHANGHAI).date()
    centers = conn.execute(
        "SELECT o.id, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.kind = 'street_elder_center' AND o.active ORDER BY o.code"
    ).fetchall()
    for place, (organisation, path) in enumerate(centers):
        borrowers = conn.execute(
            "SELECT b.resident_id, b.id FROM home_bed b JOIN resident r ON r.id = b.resident_id"
            " JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
            " WHERE a.path <@ %s::ltree AND NOT h.synthetic AND b.state IN ('in_service', 'suspended', 'contracting')"
            " ORDER BY b.id",
            (path,),
        ).fetchall()
        number = lent_out = 0
        for kind, count in _STOCK:
            for _ in range(count):
                number += 1
                state = "repair" if number % 9 == 4 else "scrapped" if number == 17 else "stock"
                borrower = None
                if number % 3 == 0 and lent_out < 2 * len(borrowers):
                    borrower = borrowers[lent_out % len(borrowers)]
                    lent_out += 1
                added = today - dt.timedelta(days=300 + number)
                if borrower is not None:
                    state = "lent"
                item = conn.execute(
                    "INSERT INTO equipment_item (kind, serial, organisation_id, state, condition, added_on)"
                    " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
                    (kind, f"{kind[:2].upper()}{place + 1}{number:03d}", organisation, state,
                     "damaged" if state == "repair" else "worn" if number % 5 == 0 else "good", added),
                ).fetchone()  # fmt: skip
                assert item is not None  # noqa: S101 - the statement returns it
                _step(conn, item[0], dt.datetime.combine(added, dt.time(10), SHANGHAI), "add", "stock", None, "")
                at = now - dt.timedelta(days=4 + number)
                if borrower is not None:
                    # every second loan of the first center is overdue by some days
                    late = number % 2 == 0
                    lent = now - dt.timedelta(days=KINDS[kind].loan_days + 6 if late else 20)
                    loan = conn.execute(
                        "INSERT INTO equipment_loan (item_id, resident_id, bed_id, lent_at, lent_by, due_on)"
                        " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
                        (item[0], *borrower, lent, _ACTOR,
                         lent.astimezone(SHANGHAI).date() + dt.timedelta(days=KINDS[kind].loan_days)),
                    ).fetchone()  # fmt: skip
                    assert loan is not None  # noqa: S101 - the statement returns it
                    _step(conn, item[0], lent, "lend", "lent", loan[0], "")
                elif state == "repair":
                    _step(conn, item[0], at, "repair", "repair", None, "刹车失灵")
                elif state == "scrapped":
                    _step(conn, item[0], at, "scrap", "scrapped", None, "老化，超过使用年限")


def _step(
    conn: Connection[Any], item: int, at: dt.datetime, step: str, state: str, loan: int | None, reason: str
) -> None:
    conn.execute(
        "INSERT INTO equipment_step (item_id, at, step, to_state, actor, origin, loan_id, reason)"
        " VALUES (%s, %s, %s, %s, %s, 'demo', %s, %s)",
        (item, at, step, state, _ACTOR, loan, reason),
    )
