"""Tell people which link is broken: by a technical alert, and without the ladder where the ladder cannot."""

import datetime as dt
import time
import uuid
from typing import Any

import msgspec
import psycopg
import structlog

from alerting.service.direct import DirectSender
from care_network.duty.loading import load_roster
from database.reports import path_proofs
from dispatch.alerts import platform as alerts
from dispatch.core.notice import AlertNotice
from dispatch.ladders.people import Addressee, addressees
from dispatch.ladders.store import policy_of_home
from observability import metrics
from shouwang.path import judge
from vocabulary.alert_state import OPEN
from vocabulary.path_links import LINKS, words
from vocabulary.rule_words import KEY, RuleWords
from vocabulary.synthetic import PLATFORM_HOME

log = structlog.get_logger(__name__)

RULE = "path_broken"
RULE_WORDS = RuleWords(zh="呼救链路中断", en="Path of alerts broken", outside_zh="链路中断", outside_en="Path broken")
PEOPLE_S = 60.0
"""Interval at which those are read who are told without the ladder."""
ROSTER_SPAN = dt.timedelta(hours=1)


def subject_of(link: str) -> str:
    """The subject of the alert about a link."""
    return f"path:{link}"


class Telling:
    """Compares what is broken with what was told. Used from one thread."""

    def __init__(self, gateway: str, direct: DirectSender | None) -> None:
        self._gateway, self._direct = gateway, direct
        self._told: frozenset[str] = frozenset()
        self._told_directly: frozenset[str] = frozenset()
        self._people: tuple[Addressee, ...] = ()
        self._people_at = 0.0

    def tell(self, conn: psycopg.Connection[Any] | None, broken: frozenset[str], age_s: float | None) -> None:
        """Tell the state: by log and metrics always, in the database where it is there (``conn``), and to people.

        Raises psycopg.Error.
        """
        for link in LINKS:
            metrics.path_broken.labels(link).set(link in broken)
        metrics.path_age.set(float("inf") if age_s is None else age_s)
        if broken != self._told:
            zh, en = words(sorted(broken))
            if broken:
                log.error("the path of alerts is broken", links=sorted(broken), zh=zh, en=en)
            else:
                log.info("the path of alerts is whole again")
            self._told = broken
        self._told_directly &= broken  # told anew when it breaks again
        new = frozenset(link for link in broken if judge.direct([link])) - self._told_directly
        if conn is not None:
            path_proofs.tell(conn, self._gateway, age_s, tuple(sorted(broken)))
            self._alerts(conn, broken)
            self._read_people(conn)
        if new:
            self._told_directly |= new
            self._call(new)

    def _alerts(self, conn: psycopg.Connection[Any], broken: frozenset[str]) -> None:
        for link in sorted(broken):
            zh, en = LINKS[link]
            reason = (
                f"呼救链路在此中断：{zh}。此后的紧急预警可能无人收到，请立即检查；期间请留意电话",
                f"Nothing comes behind this link: {en}. Emergencies may reach nobody: mend it at once,"
                " and watch the telephone",
            )
            evidence = {"kind": "path", "link": link, KEY: msgspec.to_builtins(RULE_WORDS)}
            alerts.raise_once(conn, RULE, subject_of(link), reason, evidence)
        known = conn.execute(
            "SELECT DISTINCT subject FROM alert WHERE rule = %s AND state = ANY(%s)", (RULE, list(OPEN))
        ).fetchall()
        for (subject,) in known:
            if subject.removeprefix("path:") not in broken:
                alerts.follow_up(conn, RULE, subject, "clear", ("链路已恢复", "The path is whole again"))

    def _read_people(self, conn: psycopg.Connection[Any]) -> None:
        """Read who is called first about a technical alert of the platform, for the time without a ladder."""
        if time.monotonic() - self._people_at < PEOPLE_S:
            return
        row = conn.execute(
            "SELECT h.id, a.path::text, clock_timestamp() FROM household h JOIN area a ON a.id = h.area_id"
            " WHERE h.id = %s",
            (alerts.platform_household(conn),),
        ).fetchone()
        if row is None:  # no home yet: nobody to tell
            return
        household, place, now = row
        roster = load_roster(conn, now - ROSTER_SPAN, now + ROSTER_SPAN)
        policy = policy_of_home(conn, "technical", household, now)
        each = (addressees(step, roster, place, (), now) for step in policy.steps)
        self._people = next((people for people in each if people), ())
        self._people_at = time.monotonic()

    def _call(self, links: frozenset[str]) -> None:
        if self._direct is None or not self._people:
            log.error("nobody can be told of the broken path without the ladder", links=sorted(links))
            return
        zh, en = words(sorted(links))
        now_us = time.time_ns() // 1000
        notice = AlertNotice(
            id=str(uuid.uuid4()), rule=RULE, rule_version=1, severity="technical", state="raised", version=1,
            subject=subject_of(sorted(links)[0]), household_id=0, household_code=PLATFORM_HOME,
            address_zh="守望平台", address_en="the Shouwang platform", phone="", area_path="", area_zh="", area_en="",
            resident_id=None, resident_code=None, resident_zh=None, resident_en=None, onset_us=now_us,
            sensed_us=now_us, received_us=now_us, raised_us=now_us, reason_zh=f"呼救链路中断：{zh}",
            reason_en=f"The path of alerts is broken: {en}", evidence={KEY: msgspec.to_builtins(RULE_WORDS)},
        )  # fmt: skip
        for person in self._people:
            self._direct.send(person, notice, uuid.uuid4())
