"""People who can take meals to doors: staff of organisations in the area or around it."""

from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action
from care_services.core.acting import Acting

MOST = 100


class Deliverer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who can be sent with meals. ``login``: whether they can record it themself."""

    code: str
    name_zh: str
    name_en: str
    organisation_zh: str
    organisation_en: str
    login: bool


def deliverers(conn: Connection[Any], acting: Acting) -> list[Deliverer]:
    """Carers and volunteers of the area, those of canteens first, 100 at most."""
    acting.require(Action.MANAGE_MEALS)
    with conn.cursor(row_factory=class_row(Deliverer)) as cursor:
        return cursor.execute(
            """
            SELECT s.code, s.name_zh, s.name_en, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
                   s.account_id IS NOT NULL AS login
            FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
            WHERE s.active AND o.active AND s.kind IN ('carer', 'volunteer', 'social_worker')
              AND (a.path <@ %(area)s::ltree OR a.path @> %(area)s::ltree)
            ORDER BY o.kind <> 'canteen', a.path <@ %(area)s::ltree DESC, o.code, s.code LIMIT %(most)s
            """,
            {"area": acting.account.area_path, "most": MOST},
        ).fetchall()
