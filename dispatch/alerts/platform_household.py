"""The household that stands for the platform, to which its own technical alerts belong."""

from typing import Any

import psycopg

HOME = "PLATFORM"


def platform_household(conn: psycopg.Connection[Any]) -> int | None:
    """Find or make it, in the smallest area around all homes: its staff see all of them. None: there is no home."""
    conn.execute(
        """
        INSERT INTO household (code, area_id, address_zh, address_en)
        SELECT %(code)s, a.id, '守望平台', 'the Shouwang platform'
        FROM (SELECT DISTINCT a.path FROM household h JOIN area a ON a.id = h.area_id) AS homes, area a
        GROUP BY a.id HAVING bool_and(homes.path <@ a.path) ORDER BY nlevel(a.path) DESC LIMIT 1
        ON CONFLICT (code) DO NOTHING
        """,
        {"code": HOME},
    )
    row = conn.execute("SELECT id FROM household WHERE code = %s", (HOME,)).fetchone()
    return None if row is None else int(row[0])
