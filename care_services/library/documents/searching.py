"""Keep the words of versions as they are searched: of the text, of what is new, and inside the file.

The text is kept flat (small letters, plain forms, single blanks) beside its pairs of characters: the pairs find quickly
where a word may be, the flat text says whether it is.
"""

import datetime as dt
from typing import Any, LiteralString

from psycopg import Connection

from care_network.errors import ProvisioningError
from care_services.library.documents import files
from care_services.library.documents.files import Inside
from care_services.library.documents.grams import asked, flat, grams
from care_services.library.documents.markdown import plain

BATCH = 20
"""Versions of one turn: reading a file of 10 MB takes seconds."""
PLACES: tuple[LiteralString, ...] = ("a", "b", "c", "d", "e", "f")
"""Of the words of a search; further ones are not looked at."""
HAS: LiteralString = """
    AND (s.grams @> %(pairs_PLACE)s::text[] AND strpos(s.flat, %(word_PLACE)s) > 0
         OR strpos(lower(d.code || ' ' || d.title_zh || ' ' || d.title_en), %(word_PLACE)s) > 0)
"""
AROUND = 60
"""Characters of an excerpt on each side of what was found."""


def conditions(words: str) -> tuple[LiteralString, dict[str, Any]]:
    """The conditions on a document ``d`` with its words ``s`` for a search, and their values."""
    found: LiteralString = ""
    by: dict[str, Any] = {}
    for place, (word, pairs) in zip(PLACES, asked(words), strict=False):
        found += HAS.replace("PLACE", place)
        by |= {f"word_{place}": word, f"pairs_{place}": pairs}
    return found, by


def keep(conn: Connection[Any], version_id: int, text: str, note: str, inside: Inside, now: dt.datetime) -> None:
    """Keep the words of a version. Part of the caller's transaction; repeating it changes nothing."""
    words = flat(f"{plain(text)} {note} {inside.text}")
    conn.execute(
        "INSERT INTO library_search (version_id, flat, grams, how, pages, inside, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (version_id, words, grams((words,)), inside.how, inside.pages, inside.text, now),
    )


def keep_missing(conn: Connection[Any], now: dt.datetime) -> int:
    """Read versions whose words are not kept yet, such as those of before there was this table; how many."""
    missing = conn.execute(
        "SELECT v.id, v.text, v.note, v.file FROM library_version v"
        " WHERE NOT EXISTS (SELECT FROM library_search s WHERE s.version_id = v.id) ORDER BY v.id LIMIT %s",
        (BATCH,),
    ).fetchall()
    for number, text, note, file in missing:
        try:
            inside = files.read(bytes(file)) if file is not None else Inside("text")
        except ProvisioningError:  # it was taken by looser rules
            inside = Inside("unread")
        keep(conn, number, text, note, inside, now)
    return len(missing)
