"""The front page of care and services."""

import datetime as dt
import uuid
from collections.abc import Callable
from typing import Any

from care_services.core.notice_round import look
from care_services.core.notices import tell, to_staff
from care_services.rounds.outside import Nobody
from care_services.subjects import SUBJECTS
from tests.support.route_example import Example

EXAMPLES: dict[str, Callable[..., Example]] = {
    "GET /care": lambda *_: Example("/care"),
    "GET /care/residents/{code}": lambda *_: Example("/care/residents/R1"),
    "GET /care/rules": lambda *_: Example("/care/rules"),
    "GET /care/rules/{subject}": lambda *_: Example(f"/care/rules/{next(iter(SUBJECTS))}"),
    "POST /care/rules/{subject}": lambda *_: Example(
        f"/care/rules/{next(iter(SUBJECTS))}", data={"based_on": 0, "text": next(iter(SUBJECTS.values())).default}
    ),
    "POST /care/residents/{code}/traits": lambda *_: Example(
        "/care/residents/R1/traits", data={"trait": "lonely", "holds": "true", "evidence": "户口簿"}, success=303
    ),
}


def digest(city: Any) -> str:
    """The page of a digest with one notice in it, by its link."""
    now = dt.datetime.now(dt.UTC)
    tell(city.conn, to=to_staff("S1"), kind="document_unread", key=str(uuid.uuid4()), zh="文", en="t", due=now, now=now)
    look(city.conn, now.replace(hour=4) + dt.timedelta(days=2), Nobody())
    row = city.conn.execute("SELECT max(id) FROM care_digest").fetchone()
    return f"/n/{city.keys.sign('care_digest', str(row[0]), 'staff:S1', now + dt.timedelta(days=1))}"


EXAMPLES |= {
    "GET /n/{token}": lambda c, _: Example(digest(c)),
    "POST /n/{token}": lambda c, _: Example(digest(c), data={"digits": "0001"}, success=303),
    "GET /care/notices": lambda *_: Example("/care/notices?only=trouble"),
    "POST /care/notices/{number}/again": lambda *_: Example("/care/notices/999999/again", data={}, success=422),
    "GET /care/notices/mine": lambda *_: Example("/care/notices/mine"),
}
ABOUT_NOBODY = {
    "GET /care", "GET /care/rules", "GET /care/rules/{subject}",
    "GET /care/notices/mine", "GET /n/{token}", "POST /n/{token}",  # what was written to the one who asks
}  # fmt: skip
OF_THE_DISTRICT = {"GET /care/rules/{subject}", "POST /care/rules/{subject}"}
