"""Messages lost by the broker are asked for again: repaired where the gateway still has them, reported where not."""

import asyncio
import datetime as dt
from pathlib import Path

import numpy as np
import psycopg
import pytest

from edge_agent.outbox.outbox import Outbox
from edge_agent.outbox.sent import SentMessages
from edge_agent.timekeeping.clock import Clock
from edge_agent.uplink import Uplink
from firmware_profiles import wire
from ingest import gaps
from tests.support.brokers import TestBroker
from tests.support.databases import TestPostgres
from tests.support.district import add_homes
from tests.support.services import service, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.every_grade]
READINGS = 4


def rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(query).fetchall()


class Home:
    """A gateway's outbox, archive and uplink in an event loop."""

    def __init__(self, folder: Path, name: str, broker: TestBroker) -> None:
        self._clock = Clock()
        self.outbox = Outbox(folder / f"{name}.db", name, self._clock, 2**24)
        self.archive = folder / f"{name}.sent"
        self.uplink = Uplink(
            broker.settings(name), name, self.outbox, self._clock, {}, SentMessages(self.archive, 2**22)
        )

    def put(self, frames: int) -> None:
        for _ in range(frames):
            base_us = self._clock.now_us()
            times = base_us + np.arange(READINGS) * 1000
            series = wire.make_series("radar", "heart_rate", base_us, times, np.full(READINGS, 70, np.float32))
            self.outbox.put_frame(base_us, [series])
        self.uplink.pump()

    async def sent(self) -> None:
        deadline = asyncio.get_running_loop().time() + 20
        while self.outbox.totals().pending:
            assert asyncio.get_running_loop().time() < deadline, "the broker takes nothing"
            await asyncio.sleep(0.02)


def test_what_the_broker_lost_comes_again_or_is_known_to_be_gone(
    broker: TestBroker, postgres: TestPostgres, tmp_path: Path
) -> None:
    keeps, forgets = "gw-gap-keeps", "gw-gap-forgets"
    add_homes(postgres.url, [keeps, forgets])
    broker.allow([keeps, forgets])
    settings = {
        "SHOUWANG_DATABASE_URL": postgres.url,
        "SHOUWANG_INGEST_WORKER": f"ingest-{tmp_path.name}",
        "SHOUWANG_INGEST_GAP_LOOK_S": "0.3",
        "SHOUWANG_INGEST_GAP_AGE_S": "0.5",
    }

    async def lose_and_repair() -> None:
        homes = [Home(tmp_path, name, broker) for name in (keeps, forgets)]
        for home in homes:
            home.uplink.start()
            home.put(5)
        for home in homes:
            await home.sent()  # the broker has them, and nobody listens: they are lost
        for path in homes[1].archive.iterdir():
            path.unlink()
        with service("ingest", broker.settings("svc-ingest"), tmp_path, **settings) as ingest:
            await asyncio.to_thread(wait_for, lambda: "subscribed" in ingest.log(), 30, ingest.log)
            for home in homes:
                home.put(3)

            def settled() -> bool:
                states = rows(postgres.url, "SELECT state FROM stream_gap")
                return len(states) == 2 and all(state in ("repaired", "lost") for (state,) in states)

            await asyncio.to_thread(
                wait_for, settled, 40, lambda: f"{rows(postgres.url, 'TABLE stream_gap')} {ingest.log()}"
            )
            for home in homes:
                await home.uplink.stop()
                home.outbox.close()

    asyncio.run(lose_and_repair())
    found = rows(
        postgres.url,
        """
        SELECT name, gap.state, numbers::text, settled_by
        FROM stream_gap AS gap JOIN gateway ON gateway.id = gateway_id ORDER BY name
        """,
    )
    assert found == [
        (forgets, "lost", "[1,6)", "gateway"),
        (keeps, "repaired", "[1,6)", ""),
    ]
    counted = rows(
        postgres.url,
        """
        SELECT gateway.name, count(*) FROM reading JOIN series ON series.id = series_id
        JOIN device ON device.id = device_id JOIN gateway ON gateway.id = gateway_id GROUP BY 1 ORDER BY 1
        """,
    )
    assert counted == [(forgets, 3 * READINGS), (keeps, 8 * READINGS)]


def gap_rows(conn: psycopg.Connection[tuple[object, ...]]) -> list[tuple[object, ...]]:
    return conn.execute("SELECT state, numbers::text FROM stream_gap AS gap ORDER BY lower(gap.numbers)").fetchall()


def test_a_gap_that_shrinks_keeps_its_story(database_url: str) -> None:
    add_homes(database_url, ["gw-gap-1"])
    with psycopg.connect(database_url, autocommit=True) as conn:

        def marks(missing: str) -> None:
            conn.execute(
                """
                INSERT INTO ingest_stream (gateway_id, epoch, stream, high, gaps)
                SELECT id, 1, 'live', 100, %s::int8multirange FROM gateway WHERE name = 'gw-gap-1'
                ON CONFLICT (gateway_id, epoch, stream) DO UPDATE SET gaps = EXCLUDED.gaps
                """,
                (missing,),
            )

        marks("{[3,10)}")
        assert gaps.refresh(conn) == {"new": 1, "repaired": 0}
        assert gaps.refresh(conn) == {"new": 0, "repaired": 0}
        (gap,) = gaps.choose_due(conn, dt.timedelta(0), dt.timedelta(0))
        assert (gap.first, gap.behind, gap.asks) == (3, 10, 1)
        assert gaps.choose_due(conn, dt.timedelta(0), dt.timedelta(0)) == [], "not asked again at once"
        marks("{[3,5),[7,10),[20,30)}")
        assert gaps.refresh(conn) == {"new": 1, "repaired": 0}
        assert gap_rows(conn) == [("asked", "[3,5)"), ("asked", "[7,10)"), ("open", "[20,30)")]
        number = conn.execute("SELECT id FROM stream_gap WHERE numbers = '[7,10)'").fetchone()
        assert number is not None
        assert gaps.note_answer(conn, int(number[0]), "gw-of-someone-else", [(7, 9)]) == 0
        assert gaps.note_answer(conn, int(number[0]), "gw-gap-1", [(1, 9)]) == 2
        assert gap_rows(conn) == [("asked", "[3,5)"), ("lost", "[7,9)"), ("asked", "[9,10)"), ("open", "[20,30)")]
        assert gaps.refresh(conn) == {"new": 0, "repaired": 0}, "what is known to be lost is not found anew"
        marks("{}")
        assert gaps.refresh(conn)["repaired"] == 4, "and what came after all is not lost"


def test_a_lost_event_is_asked_for_long_before_a_lost_reading(database_url: str) -> None:
    """A broker that dies with an SOS that nobody has fetched must not cost more than some seconds."""
    add_homes(database_url, ["gw-gap-1"])
    with psycopg.connect(database_url, autocommit=True) as conn:
        for stream in ("live", "events"):
            conn.execute(
                """
                INSERT INTO stream_gap (gateway_id, epoch, stream, numbers, seen_at)
                SELECT id, 1, %s, '[3,5)', now() - interval '6 seconds' FROM gateway WHERE name = 'gw-gap-1'
                """,
                (stream,),
            )
        minute, moment = dt.timedelta(minutes=1), dt.timedelta(seconds=5)
        assert [gap.stream for gap in gaps.choose_due(conn, minute, moment)] == ["events"]
        pause = conn.execute("SELECT ask_after - now() FROM stream_gap WHERE stream = 'events'").fetchone()
        assert pause is not None
        assert pause[0] < dt.timedelta(seconds=15), "and again soon, where the gateway was away"
        assert [gap.stream for gap in gaps.choose_due(conn, moment, moment)] == ["live"]
