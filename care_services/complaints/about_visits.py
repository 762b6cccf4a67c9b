"""The visit that a complaint is about: by its number, and whose care and whose work follow from it."""

from typing import Any

from psycopg import Connection

from care_network.errors import ProvisioningError


def number_of(text: str) -> int | None:
    """The number of a visit that somebody wrote; None: it is none. Pure."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def visit_of(conn: Connection[Any], order: str, resident: str) -> tuple[int | None, str, str, str]:
    """The number of a visit with the codes of its resident, provider and person; ``order`` '' : of no visit.

    Raises ProvisioningError with the field where there is no such visit to this resident, or the viewer sees none.
    """
    if not order.strip():
        return None, resident, "", ""
    row = conn.execute(
        "SELECT o.id, r.code, g.code, coalesce(s.code, '') FROM service_order o JOIN resident r ON r.id = o.resident_id"
        " JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN organisation g ON g.id = o.organisation_id"
        " LEFT JOIN staff s ON s.id = o.staff_id WHERE o.id = %s",
        (number_of(order.strip()),),
    ).fetchone()
    if row is None or resident not in ("", row[1]):
        raise ProvisioningError(
            en="there is no such visit to this resident", zh="该老人没有这个编号的服务单", field="order"
        )
    return row[0], row[1], row[2], row[3]
