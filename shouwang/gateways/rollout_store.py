"""Rollouts of programs in the database: what was begun, where each gateway stands, what the district knows of it."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from shouwang.gateways.rollout import Rollout, Standing, State

FAULTS = ["device_fault", "buffer_unwritable", "readings_lost"]
"""Events that a program's fault would make more of."""


def begin(conn: Connection[Any], rollout: Rollout, rings: Mapping[str, int], by: str) -> None:
    """Store a new rollout; an older one that is under way ends with it.

    Raises ValueError for a version that was begun before or is not above all of them, or a gateway that is not known.
    """
    with conn.transaction():
        conn.execute("LOCK TABLE program_rollout IN EXCLUSIVE MODE")
        row = conn.execute("SELECT max(version) FROM program_rollout").fetchone()
        if row is not None and row[0] is not None and row[0] >= rollout.version:
            raise ValueError(f"version {rollout.version} is not above {row[0]}, which was begun before: sign it anew")
        conn.execute(
            "UPDATE program_rollout SET ended_at = now(), stopped = 'a newer one was begun' WHERE ended_at IS NULL"
        )
        conn.execute(
            "INSERT INTO program_rollout (version, release, rings, healthy_for, started_by)"
            " VALUES (%s, %s, %s, %s, %s)",
            (rollout.version, rollout.release, rollout.rings, rollout.healthy_for, by),
        )
        for gateway, ring in rings.items():
            made = conn.execute(
                "INSERT INTO program_offer (version, gateway_id, ring) SELECT %s, id, %s FROM gateway WHERE name = %s",
                (rollout.version, ring, gateway),
            )
            if made.rowcount == 0:
                raise ValueError(f"no gateway {gateway!r} in the registry")


def gateways(conn: Connection[Any]) -> list[str]:
    """The gateways that a program is for: of homes of people, and not revoked."""
    rows = conn.execute(
        """
        SELECT g.name FROM gateway g JOIN household h ON h.id = g.household_id
        WHERE NOT h.synthetic AND NOT EXISTS (SELECT FROM revoked_identity r WHERE r.identity = g.name) ORDER BY 1
        """
    )
    return [row[0] for row in rows]


def newest(conn: Connection[Any]) -> Rollout | None:
    """The rollout that was begun last."""
    with conn.cursor(row_factory=class_row(Rollout)) as cursor:
        return cursor.execute(
            "SELECT version, release, rings, ring, healthy_for, whole_at, ended_at, stopped FROM program_rollout"
            " ORDER BY version DESC LIMIT 1"
        ).fetchone()


def keep(conn: Connection[Any], rollout: Rollout) -> None:
    """Store where a rollout stands, unless a newer one ended it meanwhile."""
    conn.execute(
        "UPDATE program_rollout SET ring = %(ring)s, whole_at = %(whole_at)s, ended_at = %(ended_at)s,"
        " stopped = %(stopped)s WHERE version = %(version)s AND ended_at IS NULL",
        msgspec.structs.asdict(rollout),
    )


def resume(conn: Connection[Any], version: int) -> None:
    """Let a stopped rollout go on, after a person has looked: those that failed are offered the version once more."""
    with conn.transaction():
        conn.execute(
            "UPDATE program_rollout SET ended_at = NULL, stopped = '', whole_at = NULL WHERE version = %s", (version,)
        )
        conn.execute(
            "UPDATE program_offer SET state = 'waiting', text = '', changed_at = now()"
            " WHERE version = %s AND state IN ('returned', 'refused', 'silent')",
            (version,),
        )


def move(conn: Connection[Any], version: int, gateway: str, state: State, text: str = "") -> None:
    """Store where a gateway stands; an equal state keeps its time."""
    conn.execute(
        """
        UPDATE program_offer SET text = %(text)s, state = %(state)s,
            changed_at = CASE WHEN state = %(state)s THEN changed_at ELSE now() END
        WHERE version = %(version)s AND gateway_id = (SELECT id FROM gateway WHERE name = %(gateway)s)
        """,
        {"version": version, "gateway": gateway, "state": state, "text": text[:500]},
    )


def interrupted(conn: Connection[Any], version: int, older_than: dt.timedelta) -> None:
    """Settle what an earlier run of the command left under way: who runs it runs it, others are offered it again."""
    conn.execute(
        """
        UPDATE program_offer o SET changed_at = now(), text = '', state = CASE
            WHEN g.status ->> 'software' LIKE '%%+' || o.version THEN 'running' ELSE 'waiting' END
        FROM gateway g WHERE g.id = o.gateway_id AND o.version = %s AND o.state = 'trying'
            AND o.changed_at < now() - %s
        """,
        (version, older_than),
    )


def standings(conn: Connection[Any], version: int) -> list[Standing]:
    """Where each gateway stands, the first ring first."""
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(
            """
            SELECT g.name AS gateway, o.ring, o.state, o.text, o.changed_at, g.state = 'online' AS online,
                g.state_at AS seen_at,
                coalesce(g.status ->> 'software' LIKE '%%+' || o.version, false) AS runs_it,
                EXISTS (SELECT FROM alert a WHERE a.household_id = g.household_id AND alert_is_open(a.state))
                    AS open_alert,
                g.id IN (SELECT gateway_id FROM stream_missing) AS missing,
                EXISTS (SELECT FROM stream_gap s WHERE s.gateway_id = g.id AND s.state = 'lost'
                        AND s.settled_at > o.changed_at) AS lost,
                faults.since AS faults, faults.before AS faults_before
            FROM program_offer o JOIN gateway g ON g.id = o.gateway_id CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE e.time >= o.changed_at)::int AS since,
                    count(*) FILTER (WHERE e.time < o.changed_at)::int AS before
                FROM device d JOIN event e ON e.device_id = d.id AND e.kind = ANY (%s)
                    AND e.time > o.changed_at - (now() - o.changed_at)
                WHERE d.gateway_id = g.id AND o.state = 'running'
            ) faults
            WHERE o.version = %s ORDER BY o.ring, g.name
            """,
            (FAULTS, version),
        ).fetchall()


def has_open_alert(conn: Connection[Any], gateway: str) -> bool:
    """Whether an alert of this gateway's home is open at this moment."""
    row = conn.execute(
        "SELECT EXISTS (SELECT FROM alert a JOIN gateway g ON g.household_id = a.household_id"
        " WHERE g.name = %s AND alert_is_open(a.state))",
        (gateway,),
    ).fetchone()
    return row == (True,)


def runs_it(conn: Connection[Any], version: int, gateway: str) -> bool:
    """Whether the gateway's last status names this version."""
    row = conn.execute("SELECT status ->> 'software' LIKE '%%+' || %s FROM gateway WHERE name = %s", (version, gateway))
    return row.fetchone() == (True,)
