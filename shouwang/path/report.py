"""Report the proof of the path: of each link and each synthetic resident the last one, and what is broken now.

The ages of links and residents are read from the rows that the presses leave behind, which are kept for two days; what
is broken is the watcher's word (:mod:`~shouwang.path.judge`).
"""

from typing import Any

import msgspec
import psycopg

from care_network.records.synthetic import GATEWAY, SILENT_GATEWAY
from database.reports import path_proofs
from vocabulary.path_links import LIMIT_S, LINKS, words


class LinkReport(msgspec.Struct, frozen=True):
    """A link: its code, its words, seconds since something last came through (None: not within two days), and
    whether it is broken."""

    link: str
    zh: str
    en: str
    age_s: float | None
    broken: bool


class ResidentReport(msgspec.Struct, frozen=True):
    """A synthetic resident: the device, what it told last, and seconds since that arrived at its receipt."""

    device: str
    kind: str
    age_s: float | None


class PathReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of the path; ``proved_s`` and ``watched_s``: seconds since the last proof and the watcher's last word,
    None: never."""

    proved_s: float | None
    watched_s: float | None
    links: tuple[LinkReport, ...] = ()
    residents: tuple[ResidentReport, ...] = ()

    @property
    def broken(self) -> tuple[str, ...]:
        """Codes of the links that are broken."""
        return tuple(one.link for one in self.links if one.broken)

    @property
    def fault(self) -> tuple[str, str]:
        """Why the path is not known to be whole, in Chinese and English; empty: it is."""
        if self.watched_s is None:
            return (
                "从未有人看守链路：请启动 shouwang-path，并运行 shouwang provision district",
                "nobody has ever proved the path: start shouwang-path, and run shouwang provision district",
            )
        if self.watched_s > LIMIT_S:
            return (
                f"链路自检已 {self.watched_s:.0f} 秒没有消息：systemctl status shouwang-path",
                f"the watcher of the path has said nothing for {self.watched_s:.0f} s: systemctl status shouwang-path",
            )
        if self.broken:
            zh, en = words(self.broken)
            return f"链路中断：{zh}", f"broken: {en}"
        if self.proved_s is None or self.proved_s > LIMIT_S:
            return "链路尚未得到证明，第一次自检正在进行", "not proved yet; the first press is on its way"
        return "", ""

    @property
    def beginning(self) -> bool:
        """Whether the watcher works and has found nothing broken, and its first proof is still to come."""
        watched = self.watched_s is not None and self.watched_s <= LIMIT_S
        return watched and not self.broken and bool(self.fault[1])


def load(conn: psycopg.Connection[Any]) -> PathReport:
    """Read the report from the database. Raises psycopg.Error."""
    proof = path_proofs.load(conn)
    if proof is None:
        return PathReport(proved_s=None, watched_s=None)
    ages = _ages(conn)
    ages["database"] = proof.looked_s
    return PathReport(
        proved_s=proof.age_s,
        watched_s=proof.looked_s,
        links=tuple(LinkReport(code, zh, en, ages.get(code), code in proof.broken) for code, (zh, en) in LINKS.items()),
        residents=_residents(conn),
    )


def _ages(conn: psycopg.Connection[Any]) -> dict[str, float | None]:
    """Seconds since the last row behind each link."""
    row = conn.execute(
        """
        WITH proof AS MATERIALIZED (
            SELECT a.id, a.raised_at FROM alert a JOIN household h ON h.id = a.household_id
            WHERE h.synthetic AND a.rule IN ('sos', 'fall') ORDER BY a.raised_at DESC LIMIT 40
        ), told AS MATERIALIZED (
            SELECT n.at, n.message_id FROM notification n JOIN proof p ON p.id = n.alert_id
        ), seen AS (
            SELECT (SELECT max(e.received_at) FROM event e JOIN gateway g ON g.id = e.gateway_id
                    WHERE g.name = %(gateway)s AND e.received_at > clock_timestamp() - INTERVAL '2 days') AS stored,
                   (SELECT max(raised_at) FROM proof) AS raised,
                   (SELECT max(at) FROM told) AS called,
                   (SELECT max(d.started_at) FROM delivery_attempt d JOIN told t USING (message_id)) AS claimed,
                   (SELECT max(n.settled_at) FROM notification n JOIN proof p ON p.id = n.alert_id
                    WHERE n.state IN ('delivered', 'acknowledged')) AS received,
                   (SELECT max(noticed_at) FROM path_console) AS noticed,
                   (SELECT max(looked_at) FROM path_console) AS looked,
                   (SELECT max(raised_at) FROM alert WHERE rule = 'gateway_silent' AND subject = %(silent)s) AS silence
        )
        SELECT extract(epoch FROM clock_timestamp() - stored)::float8,
               extract(epoch FROM clock_timestamp() - raised)::float8,
               extract(epoch FROM clock_timestamp() - called)::float8,
               extract(epoch FROM clock_timestamp() - claimed)::float8,
               extract(epoch FROM clock_timestamp() - received)::float8,
               extract(epoch FROM clock_timestamp() - noticed)::float8,
               extract(epoch FROM clock_timestamp() - looked)::float8,
               extract(epoch FROM clock_timestamp() - silence)::float8
        FROM seen
        """,
        {"gateway": GATEWAY, "silent": f"gateway:{SILENT_GATEWAY}"},
    ).fetchone()
    assert row is not None  # noqa: S101 - one row of aggregates
    stored, raised, called, claimed, received, noticed, looked, silence = row
    reached = [age for age in (stored, raised) if age is not None]
    return {
        "gateway_broker": min(reached, default=None),
        "broker_ingest": stored,
        "ingest_database": stored,
        "broker_alerting": raised,
        "alerting_database": raised,
        "dispatch": called,
        "notify": claimed,
        "channel": received,
        "broker_console": noticed,
        "console_database": looked,
        "silence": silence,
    }


def _residents(conn: psycopg.Connection[Any]) -> tuple[ResidentReport, ...]:
    rows = conn.execute(
        """
        SELECT d.name, max(a.rule) FILTER (WHERE done.at IS NOT NULL),
               extract(epoch FROM clock_timestamp() - max(done.at))::float8
        FROM device d JOIN gateway g ON g.id = d.gateway_id AND g.name = %s
        LEFT JOIN alert a ON a.resident_id = d.resident_id AND a.rule IN ('sos', 'fall')
             AND a.raised_at > clock_timestamp() - INTERVAL '2 days'
        LEFT JOIN LATERAL (SELECT max(n.settled_at) AS at FROM notification n
                           WHERE n.alert_id = a.id AND n.state IN ('delivered', 'acknowledged')) done ON true
        WHERE d.resident_id IS NOT NULL GROUP BY d.name ORDER BY d.name
        """,
        (GATEWAY,),
    ).fetchall()
    return tuple(ResidentReport(name, rule or "", age) for name, rule, age in rows)
