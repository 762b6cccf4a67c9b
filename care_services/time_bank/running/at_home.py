"""The resident's own word about a help, on the panel of their home: without a telephone, a login, or anybody beside."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.errors import NotFoundError
from care_services.time_bank import requests, store
from care_services.time_bank.requests import Person
from care_services.time_bank.store import Request


def waiting(conn: Connection[Any], household_id: int) -> list[Request]:
    """Helps in a home of which the volunteer has told the minutes, and nobody there has said whether they are right."""
    rows = conn.execute(
        "SELECT q.id FROM time_request q JOIN resident r ON r.id = q.resident_id JOIN household h"
        " ON h.id = r.household_id AND NOT h.synthetic WHERE h.id = %s"
        " AND q.closed_at IS NULL AND q.state = 'done' ORDER BY q.wanted_from LIMIT 5",
        (household_id,),
    ).fetchall()
    return store.by_ids(conn, [row[0] for row in rows])


def confirm(conn: Connection[Any], household_id: int, panel: int, number: int, minutes: int, now: dt.datetime) -> str:
    """Take the word that was pressed on a panel; returns the state after it. Raises NotFoundError, and as
    :func:`requests.confirm`.

    ``minutes`` 0: nobody came.
    """
    one = next((each for each in waiting(conn, household_id) if each.number == number), None)
    if one is None:
        raise NotFoundError(zh="这次服务已确认，或不是这里的", en="it is confirmed already, or not of this home")
    person = Person(key=f"panel:{panel}", name=one.resident_zh, origin="panel")
    return requests.confirm(conn, one, minutes, person, now, said_as="resident")
