"""The person whom a signed link names, as the page of an order knows them."""

import datetime as dt
import uuid
from typing import Any

import psycopg

from care_network.access import permissions
from care_network.access.accounts import Account, account_by_login
from dispatch.core.links import Link, LinkError
from dispatch.orders.field import Person
from dispatch.orders.people import active_staff


class Visitor:
    """The person and the order that a link names, and the person's account, if there is one."""

    def __init__(self, conn: psycopg.Connection[Any], link: Link, origin: str) -> None:
        """Raises LinkError for a person who is no longer active."""
        self.link = link
        self.order_id = uuid.UUID(link.subject)
        self.origin = f"link {origin}"
        _, _, self.code = link.person.partition(":")
        staff = active_staff(conn, self.code)
        if staff is None:
            raise LinkError(
                zh="该链接的人员已停用，请联系值班台", en="this link's person is not active; call the dispatch"
            )
        self.staff_id, self.name_zh, self.name_en, login = staff
        self.account: Account | None = account_by_login(conn, login) if login else None

    @property
    def person(self) -> Person:
        """The visitor as whoever takes a step; the account is not theirs to act by: they have not logged in."""
        return Person(
            key=self.link.person, name_zh=self.name_zh, name_en=self.name_en, staff_id=self.staff_id, account_id=None,
            origin=self.origin,
        )  # fmt: skip

    def audit(self, conn: psycopg.Connection[Any], action: str, resident_id: int | None) -> None:
        permissions.audit(
            conn, None, action, at=dt.datetime.now(dt.UTC), resident_id=resident_id, origin=self.origin,
            detail={"order": str(self.order_id), "staff": self.code},
        )  # fmt: skip
