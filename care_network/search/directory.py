"""Keep the index of a process like the database: looked at again at each search, read anew where something changed."""

import threading
import time
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from care_network.search.index import Entry, Index, Telephone
from care_network.search.query import plain_number

AGAIN_S = 3.0
"""A look at whether something changed holds for so long; letters are typed faster."""

_STAMP = """
    SELECT concat_ws(' ',
        (SELECT (count(*), sum(hashint8(xmin::text::bigint)))::text FROM resident),
        (SELECT (count(*), sum(hashint8(xmin::text::bigint)))::text FROM household),
        (SELECT (count(*), sum(hashint8(xmin::text::bigint)))::text FROM contact),
        (SELECT (count(*), sum(hashint8(xmin::text::bigint)))::text FROM area))
"""
"""A text that differs after every change of these rows, by whatever path it was made: each writes another xmin."""
_RESIDENTS = """
    WITH place AS MATERIALIZED (
        SELECT a.id, a.path::text AS path, coalesce(street.path::text, '') AS street, a.name_zh AS compound_zh,
               a.name_en AS compound_en, coalesce(street.name_zh, '') AS street_zh,
               coalesce(street.name_en, '') AS street_en
        FROM area a LEFT JOIN area street ON street.level = 'street' AND a.path <@ street.path)
    SELECT r.id, r.code, h.code AS household, r.name_zh, r.name_en, r.sex, r.birth_date, r.ability_grade, r.lives_alone,
           r.home_care_bed, p.path, p.street, p.compound_zh, p.compound_en, p.street_zh, p.street_en,
           h.address_zh, h.address_en, h.phone
    FROM resident r JOIN household h ON h.id = r.household_id JOIN place p ON p.id = h.area_id ORDER BY p.path, r.code
"""
_CONTACTS = "SELECT resident_id, phone, relation_zh, relation_en, name_zh, name_en FROM contact ORDER BY call_order"


class Directory:
    """The index that all threads of a process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._index = Index(())
        self._stamp: str | None = None
        self._looked = -AGAIN_S

    def look_again(self) -> None:
        """Forget that it was looked at a moment ago."""
        self._looked = -AGAIN_S

    def index(self, conn: Connection[Any]) -> Index:
        """The index, as the database is now or was some seconds ago. One thread reads; the others wait for it."""
        with self._lock:
            if time.monotonic() - self._looked >= AGAIN_S:
                stamp = str(conn.execute(_STAMP).fetchone())
                if stamp != self._stamp:
                    self._index = load_index(conn)
                    self._stamp = stamp
                self._looked = time.monotonic()
            return self._index


def load_index(conn: Connection[Any]) -> Index:
    """Read everybody. Whom an account may see is asked at each search."""
    contacts: dict[int, list[Telephone]] = {}
    for resident, phone, relation_zh, relation_en, name_zh, name_en in conn.execute(_CONTACTS):
        whose = (f"{relation_zh} {name_zh}", f"{relation_en} {name_en}")
        contacts.setdefault(resident, []).append(Telephone(plain_number(phone), phone, *whose))
    entries = []
    with conn.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_RESIDENTS):
            phone = row.pop("phone")
            own = [Telephone(plain_number(phone), phone, "", "")] if phone else []
            entries.append(Entry(**row, telephones=(*own, *contacts.get(row["id"], ()))))
    return Index(entries)
