"""Measure the lists of gateways, refused messages and gaps of a whole district, over HTTP as an administrator asks.

7,198 residents with their homes, a gateway each and their 85,000 devices, 20,000 refused messages, 20,000 gaps.
"""

from typing import Any

import numpy as np
import psycopg

from bench.console_district import RESIDENTS, Desk, district_console, session_of
from bench.figures import Figure

TIMES = 30
LIMIT_MS = 150.0
DEVICES = 85_000
PAGES = {
    "all": "/devices",
    "battery low": "/devices?only=low",
    "silent": "/devices?only=silent",
    "never heard": "/devices?only=never",
    "certificate ends": "/devices?only=certificate",
    "update pending": "/devices?only=update",
    "a resident": "/devices?q=%E5%88%98",
    "a model": "/devices?q=pendant",
    "a device's name": "/devices?q=bed",
    "a word that nothing has": "/devices?q=nobody",
    "the last page": "/devices?after=gw-4",
    "the quarantine": "/quarantine",
    "gaps that may still close": "/gaps",
    "all gaps": "/gaps?settled=true",
    "storage": "/storage",
    "channels": "/channels",
}


def run() -> list[Figure]:
    """The p95 of each page."""
    with district_console() as (platform, _, _), psycopg.connect(platform.postgres.url, autocommit=True) as conn:
        counted = _fill(conn)
        row = conn.execute("SELECT login FROM account WHERE role = 'admin' ORDER BY id LIMIT 1").fetchone()
        gateway = conn.execute("SELECT name FROM gateway ORDER BY name LIMIT 1").fetchone()
        assert row is not None  # noqa: S101 - the demonstration has one
        assert gateway is not None  # noqa: S101
        desk = Desk(platform.address, session_of(conn, row[0]))
        pages = PAGES | {"a group of it": f"/quarantine/of/undecodable%7C{gateway[0]}"}
        took = {name: desk.times([path], TIMES) for name, path in pages.items()}
        one = desk.times([f"/devices/{gateway[0]}"], TIMES)
    took["one gateway"] = one
    return [
        Figure(
            name=f"gateways and the intake: {name}, p95",
            value=float(np.percentile(times, 95)),
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=f"{RESIDENTS:,} residents, {counted}; median {np.median(times):.0f} ms, {len(times)} times",
        )
        for name, times in took.items()
    ]


def _fill(conn: psycopg.Connection[Any]) -> str:
    """Give every gateway a state and devices, and the intake refused messages and gaps; the numbers in words."""
    conn.execute(
        "UPDATE gateway SET state = CASE WHEN id % 20 = 0 THEN 'offline' ELSE 'online' END, state_at = now(),"
        " status = jsonb_build_object('software', '1.0+1', 'clock_synced', true, 'clock_offset_ms', 0.4,"
        " 'certificate_until_us', (extract(epoch FROM now() + interval '1 day' * (id % 300)) * 1e6)::bigint)"
    )
    conn.execute(
        "INSERT INTO device (gateway_id, name, model, room) SELECT g.id, 'd' || n, (ARRAY['shouwang-pendant',"
        " 'aqara-mccgq11lm', 'aqara-rtcgq11lm', 'seeed-mr60fda2'])[1 + n %% 4], 'bedroom'"
        " FROM gateway g, generate_series(1, 8) n ORDER BY n, g.id"
        " LIMIT greatest(0, %s - (SELECT count(*) FROM device))",
        (DEVICES,),
    )
    conn.execute(
        "INSERT INTO device_now SELECT id, now(), 5 + id % 95 FROM device WHERE model <> 'gateway'"
        " ON CONFLICT DO NOTHING"
    )
    conn.execute(
        "INSERT INTO ingest_stream (gateway_id, stream, epoch, high, gaps, updated_at)"
        " SELECT g.id, s, 1, 9, '{}', now() - interval '1 minute' * (g.id % 30) FROM gateway g,"
        " unnest(ARRAY['live', 'backfill']) s ON CONFLICT DO NOTHING"
    )
    conn.execute(
        "INSERT INTO quarantine (topic, gateway, code, reason, size, sha256, payload)"
        " SELECT 'x', (SELECT array_agg(name ORDER BY name) FROM gateway)[1 + n % 400],"
        " (ARRAY['undecodable', 'unknown device', 'time ahead'])[1 + n % 3], 'x', 4, sha256(n::text::bytea), 'abcd'"
        " FROM generate_series(1, 20000) n"
    )
    conn.execute(
        "INSERT INTO stream_gap (gateway_id, epoch, stream, numbers, seen_at, state, settled_at)"
        " SELECT g.id, n, 'live', int8range(n, n + 9), now() - interval '1 minute' * n,"
        " CASE WHEN n % 3 = 0 THEN 'open' ELSE 'lost' END, CASE WHEN n % 3 <> 0 THEN now() END"
        " FROM gateway g, generate_series(1, 5) n LIMIT 20000"
    )
    conn.execute("ANALYZE")
    row = conn.execute(
        "SELECT (SELECT count(*) FROM gateway), (SELECT count(*) FROM device WHERE model <> 'gateway')"
    ).fetchone()
    assert row is not None  # noqa: S101 - one row by its form
    return f"{row[0]:,} gateways, {row[1]:,} devices"
