"""The consequences of a death or a move: shown before one confirms, carried out with it, taken back where it was wrong.

Where in other tables something follows is data (``leaving_rule``), and so are the terms (the subject ``leaving`` of the
book of rules): when the family's access and the exchange end, what becomes of hours of the time bank. Grants stop as
they do when a bed is closed, by the same function and the same rules (:mod:`care_services.grants.ending`). All that is
known of a resident by the column ``resident.gone`` (protection, figures, lists) changes at once and needs no rule. The
database carries the rest out, so that it is done by whoever may record the leaving, all or nothing.
"""

import datetime as dt
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.types.json import Jsonb

from care_services.core import rule_book
from care_services.core.acting import Acting
from care_services.core.rules import Fact, Outcome, Subject
from care_services.grants import pausing
from care_services.grants.ending import Why
from care_services.grants.kinds import KINDS
from care_services.grants.pausing import Running
from care_services.registers.words import Words
from care_services.registers.words import grouped as grouped
from vocabulary.times import local_day

REASON_WORDS = {
    "died": ("去世", "died"), "moved": ("迁出", "moved away"), "other": ("其他原因离开", "left for another reason"),
}  # fmt: skip


def _days(zh: str, en: str) -> Outcome:
    return Outcome(zh=zh, en=en, kind=int, high=3650)


SUBJECT = Subject(
    code="leaving", zh="去世与迁出后的处理期限", en="Terms after a death or a move",
    facts={"reason": Fact(zh="原因", en="reason", kind=str, choices=REASON_WORDS)},
    outcomes={
        "family_days": _days("家属账号查看权限保留天数", "days for which the family may still look"),
        "exchange_days": _days("对外共享保留天数", "days until other systems are told nothing more"),
        "paid_months": Outcome(
            zh="不再使用：补贴末月由“补贴末月计发”规则决定",
            en="no longer used: the rules of the last month of a grant decide it", kind=int, high=12, required=False,
        ),
        "hours": Outcome(
            zh="时间银行余额", en="hours of the time bank", kind=str, choices=("heirs", "community", "keep")
        ),
        "hours_days": _days("余额认领期限（天）", "days in which heirs may claim the hours"),
    },
    default=resources.files(__package__).joinpath("leaving.toml").read_text("utf-8"),
)  # fmt: skip
UNDONE_WORDS: Mapping[str, tuple[str, str]] = {
    "back": ("已恢复", "is as it was"),
    "changed": ("之后被人改过，保持现状", "somebody changed it since: it stays as it is"),
    "past": ("时间已过，不再恢复", "its time is over: it does not come back"),
    "taken": ("已有新的登记，保持现状", "something new has its place: it stays as it is"),
    "lost": ("该记录已不存在", "the record is there no more"),
}


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """The ruling for a leaving, kept with it. Days are counted from when it was written down."""

    rule: str = ""
    zh: str = ""
    en: str = ""
    family_days: int = 90
    exchange_days: int = 30
    hours: str = "keep"
    hours_days: int = 3650


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A row of another table that changes, or was changed."""

    rule: str
    words: tuple[str, str]
    amount_fen: int | None = None
    """A month's, of a grant."""
    due_on: dt.date | None = None
    """The day on which it follows; None: at once."""
    undone_as: str | None = None


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The effects of one kind."""

    rule: str
    title: tuple[str, str]
    consequence: tuple[str, str]
    effects: tuple[Effect, ...]

    @property
    def amount_fen(self) -> int:
        """The month's sum of those that have an amount."""
        return sum(one.amount_fen or 0 for one in self.effects)


def terms_of(conn: Connection[Any], reason: str, today: dt.date) -> Terms:
    """The terms by the rules of today."""
    ruling = rule_book.current(conn, SUBJECT, today).decide({"reason": reason})
    then: Mapping[str, Any] = {} if ruling.rule is None else ruling.rule.then
    given = {name: value for name, value in then.items() if name != "paid_months"}
    if ruling.rule is not None:
        given |= {"rule": ruling.rule.code, "zh": ruling.rule.zh, "en": ruling.rule.en}
    return msgspec.convert(given, Terms)


def grants_of(conn: Connection[Any], resident: int, left_on: dt.date, reason: Why) -> tuple[Running, ...]:
    """The monthly grants that stop, and what that comes to."""
    return pausing.running(conn, resident, left_on, reason, tuple(KINDS))


def stop_grants(
    conn: Connection[Any], acting: Acting, leaving: int, resident: int, left_on: dt.date, reason: Why
) -> None:
    """Stop the monthly grants of who is gone as those of a closed bed, and keep how they were for the way back."""
    words = conn.execute("SELECT leaving_words(%s, %s)", (reason, left_on)).fetchone()
    numbers = [one.application for one in grants_of(conn, resident, left_on, reason)]
    before = _rows(conn, numbers)
    stopped = pausing.pause(
        conn, acting, resident, left_on, reason, words[0] if words else "", kinds=tuple(KINDS)
    )  # fmt: skip
    after = _rows(conn, numbers)
    for one in stopped:
        more = {"from_on": str(one.from_on)}
        conn.execute(
            "INSERT INTO leaving_effect (leaving_id, rule, at, was, became) VALUES (%s, 'grants', %s, %s, %s)",
            (leaving, acting.at, Jsonb(before[one.application] | more), Jsonb(after[one.application] | more)),
        )


def _rows(conn: Connection[Any], numbers: list[int]) -> dict[int, dict[str, Any]]:
    return dict(
        conn.execute("SELECT id, to_jsonb(g) FROM grant_application g WHERE id = ANY (%s)", (numbers,)).fetchall()
    )


def before(
    conn: Connection[Any], resident: int, left_on: dt.date, reason: Why, at: dt.datetime, terms: Terms
) -> list[Group]:
    """Rows that would change, as the viewer may see them. Nothing is changed."""
    rows = conn.execute(
        "SELECT rule, term, was FROM leaving_preview(%s, %s, %s, %s, %s)",
        (resident, left_on, reason, at, Jsonb(msgspec.to_builtins(terms))),
    ).fetchall()
    words = Words(conn)
    found = [
        Effect(
            rule=rule, words=words.of(rule, was), amount_fen=words.amount(rule, was),
            due_on=None if term is None else local_day(at + dt.timedelta(days=getattr(terms, term))),
        )
        for rule, term, was in rows
    ]  # fmt: skip
    for one in grants_of(conn, resident, left_on, reason):
        was = {"kind": one.kind, "amount_fen": one.amount_fen, "from_on": str(one.from_on)}
        found.append(Effect(rule="grants", words=words.of("grants", was), amount_fen=one.amount_fen))
    return _groups(found)


def done(conn: Connection[Any], leaving: int, terms: Terms | None, written_at: dt.datetime, back: bool) -> list[Group]:
    """Rows that changed for a leaving, and those that came back; those still to come where it is in force."""
    words = Words(conn)
    found = [
        Effect(rule=rule, words=words.of(rule, was), amount_fen=words.amount(rule, was), undone_as=undone)
        for rule, was, undone in conn.execute(
            "SELECT rule, was, undone_as FROM leaving_effect WHERE leaving_id = %s ORDER BY id", (leaving,)
        ).fetchall()
    ]
    if terms is not None and not back:
        waiting = conn.execute(
            """
            SELECT p.rule, p.term, p.was FROM resident_leaving l,
                   LATERAL leaving_preview(l.resident_id, l.left_on, l.reason, %s, l.terms) p
            WHERE l.id = %s AND p.term IS NOT NULL
              AND NOT EXISTS (SELECT FROM leaving_done d WHERE d.leaving_id = l.id AND d.rule = p.rule)
            """,
            (written_at, leaving),
        ).fetchall()
        found += [
            Effect(rule=rule, words=words.of(rule, was),
                   due_on=local_day(written_at + dt.timedelta(days=getattr(terms, term))))
            for rule, term, was in waiting
        ]  # fmt: skip
    return _groups(found)


def _groups(found: list[Effect]) -> list[Group]:
    return [
        Group(rule=rule, title=title, consequence=consequence, effects=tuple(found_))
        for rule, title, consequence in grouped()
        if (found_ := [one for one in found if one.rule == rule])
    ]


def carry_out(conn: Connection[Any], leaving: int, at: dt.datetime) -> int:
    """Carry out what is due for a leaving, in the caller's transaction; the number of rows that changed."""
    row = conn.execute("SELECT leaving_apply(%s, %s)", (leaving, at)).fetchone()
    return 0 if row is None else int(row[0])


def take_back(conn: Connection[Any], leaving: int, at: dt.datetime) -> int:
    """Bring back what was changed for a leaving that has ended; the number of rows that are as they were."""
    row = conn.execute("SELECT leaving_undo(%s, %s)", (leaving, at)).fetchone()
    return 0 if row is None else int(row[0])


def carry_out_due(conn: Connection[Any], now: dt.datetime) -> int:
    """Carry out the terms that are over, a transaction a leaving; the number of rows that changed. For the rounds."""
    due = conn.execute(
        """
        SELECT l.id FROM resident_leaving l WHERE l.back_at IS NULL AND EXISTS (
            SELECT FROM leaving_rule r WHERE l.reason = ANY (r.reasons)
              AND NOT EXISTS (SELECT FROM leaving_done d WHERE d.leaving_id = l.id AND d.rule = r.code)
              AND (r.term IS NULL OR %s >= l.written_at + make_interval(days => (l.terms ->> r.term)::integer)))
        ORDER BY l.id LIMIT 200
        """,
        (now,),
    ).fetchall()
    changed = 0
    for (leaving,) in due:
        with conn.transaction():
            changed += carry_out(conn, leaving, now)
    return changed
