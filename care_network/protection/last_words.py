"""Keep for lists of thousands what each device last said of itself: when it was heard, and its battery."""

from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from care_network.protection.hearing import Hearing, portions

EVERY_S = 60
"""How often what is new is written."""
BEHIND_S = 300
"""A device that was heard again is written after this time at the latest: a pendant speaks each second."""


class LastWords:
    """The words of each device as they were written last."""

    def __init__(self) -> None:
        self._written: dict[int, tuple[int, int | None]] = {}
        self._at = 0

    def write(self, conn: Connection[Any], hearing: Hearing, at: int) -> int:
        """Write what has changed since, if it is time to; the number of devices."""
        if at - self._at < EVERY_S:
            return 0
        self._at = at
        rows = []
        for number, heard in hearing.devices.items():
            before = self._written.get(number)
            if not heard.heard and heard.battery is None:
                continue
            if before is None or before[1] != heard.battery or heard.heard - before[0] >= BEHIND_S:
                rows.append({"device": number, "heard": heard.heard or None, "battery": heard.battery})
                self._written[number] = (heard.heard, heard.battery)
        for some in portions(rows):
            conn.execute(
                """
                INSERT INTO device_now (device_id, heard_at, battery)
                SELECT n.device, to_timestamp(n.heard), n.battery
                FROM jsonb_to_recordset(%s) AS n (device int, heard bigint, battery smallint)
                JOIN device d ON d.id = n.device
                ON CONFLICT (device_id) DO UPDATE SET heard_at = excluded.heard_at, battery = excluded.battery
                """,
                (Jsonb(some),),
            )
        return len(rows)
