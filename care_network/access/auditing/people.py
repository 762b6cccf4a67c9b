"""Find whom a word of the search means: residents and accounts by name or key, people without a login by name."""

from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.accounts import Account
from care_network.access.permissions import Action, require

MOST = 12
"""People who are offered where a word means several."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whom a word may mean."""

    key: str
    """A resident's code, an account's login; of a person without a login the name."""
    name_zh: str
    name_en: str
    place_zh: str = ""
    place_en: str = ""


_RESIDENTS: LiteralString = """
    SELECT r.code AS key, r.name_zh, r.name_en, p.name_zh AS place_zh, p.name_en AS place_en
    FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area p ON p.id = h.area_id
    WHERE p.path <@ %(area)s::ltree
      AND (r.code = %(words)s OR strpos(r.name_zh, %(words)s) > 0 OR strpos(lower(r.name_en), lower(%(words)s)) > 0)
    ORDER BY r.code <> %(words)s, r.name_zh <> %(words)s, r.code LIMIT %(most)s
"""
_ACCOUNTS: LiteralString = """
    SELECT a.login AS key, a.name_zh, a.name_en, coalesce(p.name_zh, '') AS place_zh,
           coalesce(p.name_en, '') AS place_en
    FROM account a LEFT JOIN area p ON p.path = a.area_path
    WHERE (a.login = lower(%(words)s) OR a.area_path IS NULL OR a.area_path <@ %(area)s::ltree)
      AND (a.login = lower(%(words)s) OR strpos(a.name_zh, %(words)s) > 0
           OR strpos(lower(a.name_en), lower(%(words)s)) > 0)
    ORDER BY a.login <> lower(%(words)s), a.name_zh <> %(words)s, a.login LIMIT %(most)s
"""


def residents(conn: Connection[Any], account: Account, words: str) -> list[Person]:
    """Residents of the account's area whom these words may mean; alone where the code or the whole name is meant."""
    return _meant(conn, account, _RESIDENTS, words)


def actors(conn: Connection[Any], account: Account, words: str) -> list[Person]:
    """Accounts whom these words may mean: of the area, of families, and any by its whole login."""
    return _meant(conn, account, _ACCOUNTS, words)


def acted_by_link(conn: Connection[Any], account: Account, name: str) -> bool:
    """Whether a person of this very name has acted on an alert without a login, by the link of a message."""
    require(account, Action.VIEW_AUDIT)
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM alert_event WHERE account_id IS NULL AND actor <> 'system' AND actor = %s)", (name,)
    ).fetchone()
    return row is not None and bool(row[0])


def _meant(conn: Connection[Any], account: Account, query: LiteralString, words: str) -> list[Person]:
    require(account, Action.VIEW_AUDIT)
    with conn.cursor(row_factory=class_row(Person)) as cursor:
        found = cursor.execute(query, {"words": words, "area": account.area_path, "most": MOST + 1}).fetchall()
    whole = [one for one in found if one.key == words or one.key == words.lower()]
    if whole:
        return whole
    named = [one for one in found if words in (one.name_zh, one.name_en)]
    return named or found
