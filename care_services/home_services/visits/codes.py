"""The codes of homes: made when they are first asked for, printed for the wall, shown by the panel, made anew."""

import secrets
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_services.core.acting import Acting
from care_services.home_services.visits.checking import paper_code


class HomeCode(msgspec.Struct, frozen=True, kw_only=True):
    """The secret of a home, and the edition of its paper."""

    household_id: int
    secret: bytes
    edition: int

    @property
    def paper(self) -> str:
        return paper_code(self.secret, self.edition)


def of_home(conn: Connection[Any], household_id: int) -> HomeCode | None:
    """The code of a home; None: none was made yet."""
    with conn.cursor(row_factory=class_row(HomeCode)) as cursor:
        return cursor.execute(
            "SELECT household_id, secret, edition FROM visit_code WHERE household_id = %s", (household_id,)
        ).fetchone()


def paper(conn: Connection[Any], acting: Acting, resident_code: str, *, renew: bool = False) -> HomeCode:
    """The code to print for the home of a resident; made where there is none. ``renew``: the old paper becomes void."""
    acting.require(Action.PLAN_SERVICES)
    resident_id = acting.resident(conn, resident_code, "print_visit_code")
    with conn.transaction():
        row = conn.execute("SELECT household_id FROM resident WHERE id = %s", (resident_id,)).fetchone()
        assert row is not None  # noqa: S101 - found above
        conn.execute(
            "INSERT INTO visit_code (household_id, secret, made_at, account_id) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (row[0], secrets.token_bytes(20), acting.at, acting.account.id),
        )
        if renew:
            conn.execute(
                "UPDATE visit_code SET secret = %s, edition = edition + 1, made_at = %s, account_id = %s"
                " WHERE household_id = %s",
                (secrets.token_bytes(20), acting.at, acting.account.id, row[0]),
            )
        acting.audit(conn, "renew_visit_code" if renew else "print_visit_code", resident_id)
        found = of_home(conn, row[0])
    assert found is not None  # noqa: S101 - just made
    return found
