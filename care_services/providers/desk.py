"""The provider or canteen whose people an account belongs to: everything of this part is of that organisation alone."""

from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_network.errors import NotFoundError
from care_services.core.acting import Acting


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """The organisation behind an account."""

    id: int
    code: str
    name_zh: str
    name_en: str
    kind: str


def of(conn: Connection[Any], acting: Acting) -> Provider:
    """Find the organisation of an account by its entry in the staff. Raises NotPermittedError, NotFoundError."""
    acting.require(Action.RUN_PROVIDER)
    with conn.cursor(row_factory=class_row(Provider)) as cursor:
        found = cursor.execute(
            "SELECT o.id, o.code, o.name_zh, o.name_en, o.kind FROM staff s JOIN organisation o"
            " ON o.id = s.organisation_id WHERE s.account_id = %s AND s.active ORDER BY s.id LIMIT 1",
            (acting.account.id,),
        ).fetchone()
    if found is None:
        raise NotFoundError(
            en="your account is not entered as staff of a provider: ask the administrator to enter its login there",
            zh="您的账号还没有登记到服务机构的人员档案，请联系管理员登记登录名",
        )
    return found
