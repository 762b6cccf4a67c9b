"""Refuse something new for somebody who died or moved away: a service, a meal, help, a bed.

Each door asks here first, so that who pressed reads the reason. The database refuses the same behind it (migration
0340), for a door that forgets, and for a leaving that is written down in the same second.
"""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.errors import ProvisioningError

_WORDS: dict[str, tuple[str, str]] = {
    "died": ("去世", "died"), "moved": ("迁出", "moved away"), "other": ("离开", "left"),
}  # fmt: skip


class GoneError(ProvisioningError):
    """The resident is not here any more: nothing new is arranged for them."""

    code = "gone"

    def __init__(self, why: str, on: dt.date, field: str | None = None) -> None:
        zh, en = _WORDS[why]
        super().__init__(
            zh=f"该老人已于 {on} 登记为{zh}，不再安排新的服务、用餐、互助和床位。如登记有误，请在“离开的老人”中更正",
            en=f"the resident is written down as gone ({en}, {on}): no new service, meal, help or bed. If that is"
            " wrong, put it right under “Residents who are gone”",
            field=field,
        )


def check_here(conn: Connection[Any], resident_id: int, field: str | None = None) -> None:
    """Refuse who is written down as gone. Raises GoneError with day and reason."""
    row = conn.execute("SELECT gone, gone_on FROM resident WHERE id = %s", (resident_id,)).fetchone()
    if row is not None and row[0] is not None:
        raise GoneError(row[0], row[1], field)
