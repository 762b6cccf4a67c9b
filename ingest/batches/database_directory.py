"""Look up gateways, devices, series and marks in the database, and hold them in memory.

An unknown name is looked up again after a pause: a newly provisioned home works without a restart, and a flood of
messages from a stranger does not become a flood of queries.
"""

import time
from typing import Any

import psycopg

from ingest.batches.batch import Limits, StreamKey
from ingest.batches.horizon import kept_from_us
from ingest.batches.marks import Mark

ASK_AGAIN_S = 2.0
"""An unknown name is looked up at most this often."""
STREAMS_A_DAY = 100
"""New streams of one gateway in a day, at most. Each new beginning of its outbox takes two."""


class DatabaseDirectory:
    """A :class:`ingest.batches.directory.Directory` over one connection.

    Its methods raise psycopg.OperationalError while the database is away; the caller tries again with a new directory.
    """

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self._conn = conn
        self._gateways: dict[str, int] = {}
        self._devices: dict[tuple[int, str], int] = {}
        self._series: dict[tuple[int, str], int] = {}
        self._refused: dict[tuple[Any, ...], float] = {}
        self._silence: tuple[Any, ...] = ()
        self.silenced_gateways: frozenset[str] = frozenset()
        self.silenced_devices: frozenset[int] = frozenset()
        self._gateways = dict(conn.execute("SELECT name, id FROM gateway").fetchall())
        for id_, gateway_id, name in conn.execute("SELECT id, gateway_id, name FROM device"):
            self._devices[gateway_id, name] = id_
        for id_, device_id, channel in conn.execute("SELECT id, device_id, channel FROM series"):
            self._series[device_id, channel] = id_

    def gateway(self, name: str) -> int | None:
        gateway_id = self._gateways.get(name)
        if gateway_id is None and self._may_ask(("gateway", name)):
            row = self._conn.execute("SELECT id FROM gateway WHERE name = %s", (name,)).fetchone()
            if row is not None:
                gateway_id = self._gateways[name] = row[0]
        return gateway_id

    def device(self, gateway_id: int, name: str) -> int | None:
        device_id = self._devices.get((gateway_id, name))
        if device_id is None and self._may_ask(("devices", gateway_id)):
            # All devices of the gateway at once: many unknown names cost one query.
            rows = self._conn.execute("SELECT id, name FROM device WHERE gateway_id = %s", (gateway_id,))
            self._devices.update({(gateway_id, device): id_ for id_, device in rows})
            device_id = self._devices.get((gateway_id, name))
        return device_id

    def series(self, device_id: int, channel: str) -> int:
        series_id = self._series.get((device_id, channel))
        if series_id is None:
            row = self._conn.execute(
                "INSERT INTO series (device_id, channel) VALUES (%s, %s)"
                " ON CONFLICT (device_id, channel) DO UPDATE SET channel = EXCLUDED.channel RETURNING id",
                (device_id, channel),
            ).fetchone()
            assert row is not None  # noqa: S101 - RETURNING always gives the row
            series_id = self._series[device_id, channel] = row[0]
        return series_id

    def mark(self, key: StreamKey) -> Mark | None:
        """Read a stream's stored mark; a fresh one for a new stream; None beyond ``STREAMS_A_DAY`` of the gateway."""
        row = self._conn.execute(
            """
            SELECT high, array(SELECT ARRAY[lower(gap), upper(gap)] FROM unnest(gaps) gap), version, newest_us
            FROM ingest_stream WHERE (gateway_id, epoch, stream) = (%s, %s, %s)
            """,
            key,
        ).fetchone()
        if row is not None:
            return Mark(row[0], [(first, behind) for first, behind in row[1]], row[2], row[3])
        (streams,) = self._conn.execute(
            "SELECT count(*) FROM ingest_stream WHERE gateway_id = %s AND updated_at > now() - INTERVAL '1 day'",
            key[:1],
        ).fetchone() or (0,)
        return Mark() if streams < STREAMS_A_DAY else None

    def arrival(self, gateway_id: int, digest: bytes) -> int | None:
        row = self._conn.execute(
            "SELECT (extract(epoch FROM arrived_at) * 1000000)::bigint FROM senml_arrival"
            " WHERE (gateway_id, sha256) = (%s, %s)",
            (gateway_id, digest),
        ).fetchone()
        return None if row is None else row[0]

    def silenced_series(self) -> list[int]:
        """Look up what nobody may keep, since the person was erased: gateways and devices, and their series known here.

        Asked before each batch: one small row, as long as nothing changed.
        """
        stamp = self._conn.execute("SELECT count(*), count(ended_at), max(id) FROM silenced").fetchone() or ()
        if stamp != self._silence:
            rows = self._conn.execute(
                """
                SELECT g.name, s.device_id IS NULL, d.id FROM silenced s JOIN gateway g ON g.id = s.gateway_id
                LEFT JOIN device d ON d.gateway_id = s.gateway_id AND (s.device_id IS NULL OR d.id = s.device_id)
                WHERE s.ended_at IS NULL
                """
            ).fetchall()
            self.silenced_gateways = frozenset(name for name, whole, _ in rows if whole)
            self.silenced_devices = frozenset(device for _, _, device in rows if device is not None)
            self._silence = stamp
        if not self.silenced_devices:
            return []
        return [series_id for (device_id, _), series_id in self._series.items() if device_id in self.silenced_devices]

    def narrow(self, limits: Limits) -> Limits:
        """Raise the earliest accepted time to the end of the readings' retention."""
        return Limits(max(limits.earliest_us, kept_from_us(self._conn)), limits.latest_us)

    def _may_ask(self, name: tuple[Any, ...]) -> bool:
        now = time.monotonic()
        if len(self._refused) > 10_000:
            self._refused.clear()
        if now - self._refused.get(name, -ASK_AGAIN_S) < ASK_AGAIN_S:
            return False
        self._refused[name] = now
        return True
