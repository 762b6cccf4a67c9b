"""Read the register: where each consent of a resident stands, its history, and the ends that a withdrawal has."""

import datetime as dt
from typing import Any, Literal

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.consents.purposes import PURPOSES, Purpose

State = Literal["yes", "no", "unknown"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step: a resident agreed, or took it back."""

    id: int
    purpose: str
    recipient: str
    name_zh: str
    name_en: str
    given: bool
    at: dt.datetime
    by_whom: str
    how: str
    evidence: str
    reason: str
    words: int
    writer_zh: str | None
    writer_en: str | None
    recorded_at: dt.datetime


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A consent towards one recipient as it stands now; ``unknown``: the resident was never asked."""

    purpose: Purpose
    recipient: str
    name_zh: str
    name_en: str
    note_zh: str = ""
    """The relation, or what another system gets the data for."""
    note_en: str = ""
    state: State
    last: Step | None
    """None: nothing is known of how it came."""

    @property
    def outdated(self) -> bool:
        """Whether the form has other words by now than those that were agreed to."""
        return self.state == "yes" and self.last is not None and 0 < self.last.words < self.purpose.version


_STEPS = b"""
    SELECT e.id, e.purpose, e.recipient, e.name_zh, e.name_en, e.given, e.at, e.by_whom, e.how, e.evidence, e.reason,
           e.words, a.name_zh AS writer_zh, a.name_en AS writer_en, e.recorded_at
    FROM consent_event e LEFT JOIN account a ON a.id = e.account_id
    WHERE e.resident_id = %s ORDER BY e.id DESC LIMIT %s
"""
MOST = 1000
"""Steps of one resident that are read, the newest."""


def steps(conn: Connection[Any], resident_id: int, most: int = MOST) -> list[Step]:
    """The steps of a resident, the newest first."""
    with conn.cursor(row_factory=class_row(Step)) as cursor:
        return cursor.execute(_STEPS, (resident_id, most)).fetchall()


def newest(conn: Connection[Any], resident_id: int) -> int:
    """The number of a resident's newest step; 0: none. It stands for the state that a decision is made on."""
    row = conn.execute(
        "SELECT coalesce(max(id), 0)::bigint FROM consent_event WHERE resident_id = %s", (resident_id,)
    ).fetchone()
    return int(row[0]) if row else 0


def standings(conn: Connection[Any], resident_id: int, history: list[Step]) -> list[Standing]:
    """Where every consent of a resident stands, by purpose; what programs read decides, not the history."""
    last: dict[tuple[str, str], Step] = {}
    for step in history:
        last.setdefault((step.purpose, step.recipient), step)
    found: list[Standing] = []
    for purpose in PURPOSES.values():
        if not purpose.asked:
            continue
        rows = _ROWS[purpose.kept_in](conn, resident_id) if purpose.named else [_of_register(last, purpose)]
        for recipient, zh, en, note_zh, note_en, agreed in rows:
            known_step = last.get((purpose.code, recipient))
            state: State = "yes" if agreed else "no" if known_step is not None else "unknown"
            found.append(
                Standing(
                    purpose=purpose, recipient=recipient, name_zh=zh, name_en=en, note_zh=note_zh, note_en=note_en,
                    state=state, last=known_step,
                )
            )  # fmt: skip
        known = {row[0] for row in rows}
        # those who were agreed to once and are no contact, and no account of the family any more
        found += [
            Standing(
                purpose=purpose, recipient=step.recipient, name_zh=step.name_zh, name_en=step.name_en, state="no",
                last=step,
            )
            for (code, recipient), step in last.items()
            if code == purpose.code and recipient not in known
        ]  # fmt: skip
    return found


_Row = tuple[str, str, str, str, str, bool]


def _of_register(last: dict[tuple[str, str], Step], purpose: Purpose) -> _Row:
    step = last.get((purpose.code, ""))
    agreed = step is not None and step.given and step.at <= dt.datetime.now(dt.UTC)
    return "", purpose.who_zh, purpose.who_en, "", "", agreed


def _contacts(conn: Connection[Any], resident_id: int) -> list[_Row]:
    return conn.execute(
        "SELECT id::text, name_zh, name_en, relation_zh, relation_en, coalesce(consent_at <= now(), false)"
        " FROM contact WHERE resident_id = %s ORDER BY call_order, id",
        (resident_id,),
    ).fetchall()


def _family(conn: Connection[Any], resident_id: int) -> list[_Row]:
    return conn.execute(
        "SELECT a.login, a.name_zh, a.name_en, f.relation_zh, f.relation_en, f.consent_at <= now()"
        " FROM family_member f JOIN account a ON a.id = f.account_id WHERE f.resident_id = %s ORDER BY a.login",
        (resident_id,),
    ).fetchall()


def _systems(conn: Connection[Any], resident_id: int) -> list[_Row]:
    return conn.execute(
        """
        SELECT a.login, a.name_zh, a.name_en, coalesce(c.purpose, ''), coalesce(c.purpose, ''), c.id IS NOT NULL
        FROM account a LEFT JOIN exchange_consent c
            ON c.account_id = a.id AND c.resident_id = %s AND c.withdrawn_at IS NULL AND c.given_at <= now()
        WHERE a.role = 'machine' AND a.active ORDER BY a.login
        """,
        (resident_id,),
    ).fetchall()


_ROWS = {"contact": _contacts, "family": _family, "exchange": _systems}


def consequences(conn: Connection[Any], resident_id: int, one: Standing) -> list[tuple[str, str]]:
    """Name what ends when this consent is withdrawn, in Chinese and English, the gravest first."""
    who_zh = f"{one.note_zh}{one.name_zh}" if one.purpose.kept_in != "exchange" else one.name_zh
    who_en = f"{one.name_en} ({one.note_en})" if one.note_en and one.purpose.kept_in != "exchange" else one.name_en
    found = [(one.purpose.end_zh.format(who=who_zh), one.purpose.end_en.format(who=who_en))]
    more = _MORE.get(one.purpose.kept_in)
    if more is not None:
        found += more(conn, resident_id, one.recipient)
    return found


def _without_contact(conn: Connection[Any], resident_id: int, recipient: str) -> list[tuple[str, str]]:
    row = conn.execute(
        """
        SELECT (SELECT count(*) FROM contact WHERE resident_id = %(resident)s AND id::text <> %(contact)s
                AND consent_at <= now()),
               (SELECT count(*) FROM alert WHERE resident_id = %(resident)s
                AND state IN ('raised', 'acknowledged', 'responding', 'on_scene'))
        """,
        {"resident": resident_id, "contact": recipient},
    ).fetchone()
    left, open_alerts = row or (0, 0)
    found = []
    if not left:
        found.append(("此后没有可以致电的家属", "nobody of the family is left to be called"))
    else:
        found.append((f"还有 {left} 位联系人可以致电", f"contacts left to be called: {left}"))
    if open_alerts:
        found.append((
            f"正有 {open_alerts} 条未办结的预警：还没发出的电话和消息不再发给此人",
            f"{open_alerts} alerts are open now: calls and messages that were not sent yet do not go to them",
        ))  # fmt: skip
    return found


def _without_system(conn: Connection[Any], resident_id: int, recipient: str) -> list[tuple[str, str]]:
    return [
        ("对方已经取得的数据不会自动消失，须请其删除", "what it was given before stays with it: ask it to delete that")
    ]


def _without_family(conn: Connection[Any], resident_id: int, recipient: str) -> list[tuple[str, str]]:
    row = conn.execute(
        """
        SELECT (SELECT count(*) FROM contact c JOIN account a ON a.id = c.account_id
                WHERE c.resident_id = %(resident)s AND a.login = %(login)s AND c.consent_at <= now()),
               (SELECT count(*) FROM family_member f JOIN account a ON a.id = f.account_id
                WHERE a.login = %(login)s AND f.resident_id <> %(resident)s)
        """,
        {"resident": resident_id, "login": recipient},
    ).fetchone()
    called, others = row or (0, 0)
    found = []
    if called:
        found.append((
            "发生预警时仍会致电此人；如不再致电，请另行撤回“紧急情况联系家属”",
            "they are still called at an alert; withdraw that, too, if it is not wanted",
        ))  # fmt: skip
    if not others:
        found.append(("该账号此后看不到任何老人", "the account sees no resident at all any more"))
    return found


_MORE = {"contact": _without_contact, "family": _without_family, "exchange": _without_system}
