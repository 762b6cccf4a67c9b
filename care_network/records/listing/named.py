"""Name the records that others refer to by key: a home by its address, anybody and any organisation by name."""

from collections.abc import Iterable, Mapping
from typing import Any, LiteralString

from psycopg import Connection

from care_network.records.listing.fields import FIELDS

Names = Mapping[tuple[str, str], tuple[str, str]]
"""(Chinese, English) by kind and key."""
_NAMES: Mapping[str, LiteralString] = {
    "household": "SELECT code, address_zh, address_en FROM household WHERE code = ANY (%s)",
    "organisation": "SELECT code, name_zh, name_en FROM organisation WHERE code = ANY (%s)",
    "resident": "SELECT code, name_zh, name_en FROM resident WHERE code = ANY (%s)",
    "staff": "SELECT code, name_zh, name_en FROM staff WHERE code = ANY (%s)",
}


def names_in(conn: Connection[Any], records: Iterable[tuple[str, Any]]) -> Names:
    """The names of what these records (kind, record) refer to; of what is gone, or out of sight, none."""
    keys: dict[str, set[str]] = {}
    for kind, record in records:
        for field, words in FIELDS[kind].items():
            key = getattr(record, field, None)
            if words.form in _NAMES and key:
                keys.setdefault(words.form, set()).add(str(key))
    return {
        (kind, code): (zh, en)
        for kind, codes in keys.items()
        for code, zh, en in conn.execute(_NAMES[kind], (list(codes),)).fetchall()
    }
