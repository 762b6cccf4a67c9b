"""The demo's report: counts of messages sent and stored, alerts by rule, and their latency."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psycopg


def sent(buffers: Iterable[Path]) -> dict[str, int]:
    """Add up the totals in the gateways' outboxes, over their whole life."""
    from edge_agent.outbox.outbox import read_totals

    total = {"frames": 0, "readings": 0, "events": 0, "pending": 0, "lost_readings": 0}
    for file in buffers:
        totals = read_totals(file)
        for key in total:
            total[key] += getattr(totals, key)
    return total


def stored(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Count the frames, readings, events and refused messages in the database; the simulated past was not sent."""
    row = conn.execute(
        """
        SELECT (SELECT coalesce(sum(high - (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(gaps) r)), 0)
                FROM ingest_stream)::bigint,
               (SELECT count(*) FROM reading) - past.readings,
               (SELECT count(*) FROM (SELECT DISTINCT series_id, time FROM reading) d) - past.readings,
               (SELECT count(*) FROM event e JOIN gateway g ON g.id = e.gateway_id
                JOIN household h ON h.id = g.household_id WHERE NOT h.synthetic),
               (SELECT coalesce(sum(times + folded), 0) FROM quarantine)::bigint
        FROM (SELECT coalesce(sum(readings), 0)::bigint AS readings FROM simulated_past) past
        """
    ).fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY gives one row
    return dict(zip(("frames", "readings", "distinct_readings", "events", "quarantined"), row, strict=True))


def alerts_by_rule(conn: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(
        conn.execute(
            "SELECT rule, count(*) FROM alert a JOIN household h ON h.id = a.household_id WHERE NOT h.synthetic"
            " GROUP BY rule ORDER BY rule"
        ).fetchall()
    )


def latency(latencies_ms: Mapping[str, float]) -> dict[str, float | int | None]:
    """Summarise the latencies of alerts at the console: median, 99th percentile and maximum, in ms."""
    if not latencies_ms:
        return {"alerts": 0, "p50": None, "p99": None, "max": None}
    p50, p99, most = np.percentile(list(latencies_ms.values()), [50, 99, 100])
    return {"alerts": len(latencies_ms), "p50": round(p50, 1), "p99": round(p99, 1), "max": round(most, 1)}


def account(sent_: Mapping[str, int], stored_: Mapping[str, int]) -> dict[str, int]:
    """Count readings lost and duplicated; both must be 0 once every outbox is empty."""
    return {
        "readings_lost": sent_["readings"] - stored_["distinct_readings"] - sent_["lost_readings"],
        "readings_given_up_by_gateways": sent_["lost_readings"],
        "readings_not_yet_sent": sent_["pending"],
        "duplicates": stored_["readings"] - stored_["distinct_readings"],
        "events_lost": sent_["events"] - stored_["events"],
        "quarantined": stored_["quarantined"],
    }
