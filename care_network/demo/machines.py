"""A hospital, another system of the demonstration, to which all fictional residents agreed; its token is hand-made."""

import datetime as dt
from typing import Any

from psycopg import Connection

SYSTEM = "hospital-demo"
PURPOSE = "演示：出院后随访 demonstration: care after discharge"


def add_machine(conn: Connection[Any], area: str, now: dt.datetime) -> None:
    """Add the hospital's account and the consents that are not there yet; one that was taken back stays taken back."""
    conn.execute("SELECT add_machine_account(%s, %s, %s, %s)", (SYSTEM, "示例医院", "Demonstration Hospital", area))
    conn.execute(
        """
        INSERT INTO exchange_consent (resident_id, account_id, purpose, given_at)
        SELECT r.id, m.id, %s, %s FROM resident r JOIN household h ON h.id = r.household_id
        JOIN area a ON a.id = h.area_id AND a.path <@ %s::text::ltree JOIN account m ON m.login = %s
        WHERE NOT EXISTS (SELECT FROM exchange_consent c WHERE c.resident_id = r.id AND c.account_id = m.id)
        """,
        (PURPOSE, now, area, SYSTEM),
    )
