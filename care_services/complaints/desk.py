"""Complaints: receive, answer, ask whether it satisfies, hand to the level above, open again."""

import datetime as dt
import secrets
from typing import Any, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row

from care_network.access.permissions import Action, in_area, may_do
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.complaints import words
from care_services.complaints.about_visits import number_of, visit_of
from care_services.complaints.handling import (
    COMPLAINT_DEADLINE,
    FALLBACK_HOURS,
    STEPS,
    Party,
    about_own,
    after_unsatisfied,
    first_level,
    refusal,
    sees_author,
)
from care_services.core import rule_book
from care_services.core.acting import Acting
from care_services.core.employment import Level, above, employment_of, level_of_area
from vocabulary.times import SHANGHAI

LIMIT = 50
MOST_WORDS = 2000
_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Without those that are read as others."""


class NewComplaint(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint as it comes in."""

    about: str
    category: str
    severity: str
    words: str
    channel: str
    author: str
    """Of AUTHORS; 'anonymous' keeps neither name nor telephone."""
    name: str = ""
    phone: str = ""
    told: bool = False
    resident: str = ""
    organisation: str = ""
    staff: str = ""
    order: str = ""
    """The number of the visit that it is about; whose care and who came follow from it."""


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint as lists and its page show it, without who complained."""

    code: str
    received_at: dt.datetime
    channel: str
    area_path: str
    area_zh: str
    area_en: str
    resident_id: int | None
    resident: str | None
    resident_zh: str | None
    resident_en: str | None
    about: str
    organisation_id: int | None
    organisation: str | None
    organisation_zh: str | None
    organisation_en: str | None
    organisation_kind: str | None
    organisation_area: str | None
    staff_id: int | None
    staff: str | None
    staff_zh: str | None
    staff_en: str | None
    category: str
    severity: str
    words: str
    level: Level
    state: str
    due_at: dt.datetime
    answered_at: dt.datetime | None
    closed_at: dt.datetime | None
    version: int
    order_id: int | None = None
    """The visit that it is about."""

    @property
    def party(self) -> Party:
        """Whom it is about."""
        return Party(
            self.organisation_id, self.organisation_kind, level_of_area(self.organisation_area or ""), self.staff_id
        )


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """The person who complained, or nobody."""

    kind: str
    name: str
    phone: str
    told: bool
    account_id: int | None
    recorded_by: int | None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A step in the history of a complaint."""

    at: dt.datetime
    who: str | None
    who_en: str | None
    kind: str
    level: str
    words: str


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint with its history, as one account sees it."""

    complaint: Complaint
    author: Author | None
    """None: this account does not learn it."""
    events: list[Event]
    refusal: tuple[str, str] | None
    """Why this account may not answer it; None: it may."""
    steps: frozenset[str]
    """That this account may take now."""


_SELECT: LiteralString = """
    SELECT c.code, c.received_at, c.channel, c.area_path::text AS area_path, a.name_zh AS area_zh, a.name_en AS area_en,
           c.resident_id, r.code AS resident, r.name_zh AS resident_zh, r.name_en AS resident_en, c.about,
           c.organisation_id, o.code AS organisation, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
           o.kind AS organisation_kind, oa.level AS organisation_area, c.staff_id, s.code AS staff,
           s.name_zh AS staff_zh, s.name_en AS staff_en, c.category, c.severity, c.words, c.level, c.state, c.due_at,
           c.answered_at, c.closed_at, c.version, c.order_id
    FROM complaint c JOIN area a ON a.path = c.area_path
    LEFT JOIN resident r ON r.id = c.resident_id LEFT JOIN household h ON h.id = r.household_id
    LEFT JOIN organisation o ON o.id = c.organisation_id LEFT JOIN area oa ON oa.id = o.area_id
    LEFT JOIN staff s ON s.id = c.staff_id
    WHERE NOT coalesce(h.synthetic, false)
"""


def receive(conn: Connection[Any], acting: Acting, new: NewComplaint) -> str:
    """Take a complaint in; its code, by which the complainant asks for it. Raises ProvisioningError, NotFoundError."""
    acting.require(Action.VIEW_CARE, Action.FAMILY_CIRCLE)
    family = not may_do(acting.account, Action.VIEW_CARE)
    _check(new, family=family)
    order_id, whose, where, who = visit_of(conn, new.order, new.resident)
    new = msgspec.structs.replace(
        new, resident=whose, organisation=new.organisation or where, staff=new.staff or who
    )  # fmt: skip
    resident_id = acting.resident(conn, new.resident, "complain") if new.resident else None
    party, organisation_path = _party(conn, acting, new)
    area = _area(conn, acting, resident_id, organisation_path)
    level = first_level(party)
    hours, rule = _hours(conn, acting, new.severity, level, new.about)
    anonymous = new.author == "anonymous"
    code = f"C{acting.at.astimezone(SHANGHAI):%y%m%d}-{''.join(secrets.choice(_LETTERS) for _ in range(5))}"
    with conn.transaction():
        conn.execute(
            "INSERT INTO complaint (code, received_at, channel, area_path, resident_id, about, organisation_id,"
            " staff_id, category, severity, words, level, state, due_at, rule, order_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'open', %s, %s, %s)",
            (
                code, acting.at, new.channel, area, resident_id, new.about, party.organisation_id, party.staff_id,
                new.category, new.severity, new.words.strip(), level, acting.at + dt.timedelta(hours=hours), rule,
                order_id,
            ),
        )  # fmt: skip
        conn.execute(
            "INSERT INTO complaint_author (complaint, kind, name, phone, told, account_id, recorded_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                code, new.author, "" if anonymous else new.name.strip(), "" if anonymous else new.phone.strip(),
                new.told and not anonymous, acting.account.id if family else None,
                None if family or anonymous else acting.account.id,
            ),
        )  # fmt: skip
        # an anonymous complaint has nobody in its history either
        _event(conn, acting, code, "received", level, "", nobody=anonymous)
        acting.audit(conn, "receive_complaint", resident_id, what=new.about, severity=new.severity)
    return code


def _check(new: NewComplaint, *, family: bool) -> None:
    for field, value, known in (
        ("about", new.about, words.ABOUT), ("category", new.category, words.CATEGORIES),
        ("severity", new.severity, words.SEVERITIES), ("channel", new.channel, words.CHANNELS),
        ("author", new.author, words.AUTHORS),
    ):  # fmt: skip
        if value not in known:
            raise ProvisioningError(en="choose one of the list", zh="请从列表中选择", field=field)
    if len(new.words.strip()) < 2 or len(new.words) > MOST_WORDS:
        raise ProvisioningError(
            en=f"say what happened, in at most {MOST_WORDS} characters", zh=f"请写明情况，不超过 {MOST_WORDS} 字",
            field="words",
        )  # fmt: skip
    if family and new.author == "anonymous":
        raise ProvisioningError(
            en="this page knows who you are: to stay unknown, call the station",
            zh="网页投诉有账号记录，匿名请致电社区站",
            field="author",
        )  # fmt: skip
    if family and not new.resident:
        raise ProvisioningError(en="choose whose care it is about", zh="请选择涉及的老人", field="resident")
    if new.author in ("family", "public", "staff") and not family and not new.name.strip():
        raise ProvisioningError(
            en="write their name, or choose anonymous", zh="请填写投诉人姓名，或选择匿名", field="name"
        )


def _party(conn: Connection[Any], acting: Acting, new: NewComplaint) -> tuple[Party, str | None]:
    """Whom it is about, and the path of their organisation's area."""
    if new.staff:
        row = conn.execute(
            "SELECT s.id, o.id, o.kind, a.level, a.path::text FROM staff s"
            " JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id WHERE s.code = %s",
            (new.staff,),
        ).fetchone()
        if row is None:
            raise ProvisioningError(
                en=f"nobody has the code {new.staff}", zh=f"没有编号为 {new.staff} 的人员", field="staff"
            )
        return Party(row[1], row[2], level_of_area(row[3]), row[0]), row[4]
    if not new.organisation:
        return Party(), None
    row = conn.execute(
        "SELECT o.id, o.kind, a.level, a.path::text FROM organisation o JOIN area a ON a.id = o.area_id"
        " WHERE o.code = %s",
        (new.organisation,),
    ).fetchone()
    if row is None:
        raise ProvisioningError(
            en=f"there is no organisation {new.organisation}", zh=f"没有编号为 {new.organisation} 的机构",
            field="organisation",
        )  # fmt: skip
    return Party(row[0], row[1], level_of_area(row[2])), row[3]


def _area(conn: Connection[Any], acting: Acting, resident_id: int | None, organisation: str | None) -> str:
    """Where it belongs: the community of the home, else the organisation's area, else the account's own."""
    if resident_id is not None:
        row = conn.execute(
            "SELECT subpath(a.path, 0, least(nlevel(a.path), 4))::text FROM resident r"
            " JOIN household h ON h.id = r.household_id JOIN area a ON a.id = h.area_id"
            " WHERE r.id = %s AND NOT h.synthetic",
            (resident_id,),
        ).fetchone()
        if row is not None:
            return str(row[0])
    if organisation is not None and in_area(acting.account, organisation):
        return organisation
    if acting.account.area_path is None:
        raise ProvisioningError(en="choose whose care it is about", zh="请选择涉及的老人", field="resident")
    return acting.account.area_path


def _hours(conn: Connection[Any], acting: Acting, severity: str, level: Level, about: str) -> tuple[int, str | None]:
    rules = rule_book.current(conn, COMPLAINT_DEADLINE, acting.today)
    ruling = rules.decide({"severity": severity, "level": level, "about": about})
    return (FALLBACK_HOURS, None) if ruling.rule is None else (int(ruling.rule.then["hours"]), ruling.rule.code)


def _event(
    conn: Connection[Any], acting: Acting, code: str, kind: str, level: str, text: str, *, nobody: bool = False
) -> None:
    conn.execute(
        "INSERT INTO complaint_event (complaint, at, account_id, kind, level, words) VALUES (%s, %s, %s, %s, %s, %s)",
        (code, acting.at, None if nobody else acting.account.id, kind, level, text.strip()),
    )


def listing(
    conn: Connection[Any], acting: Acting, view: str = "open", level: str = "", after: str = "", limit: int = LIMIT,
    find: str = "",
) -> list[Complaint]:  # fmt: skip
    """Complaints by key, one more than ``limit`` at most. Raises ProvisioningError for a key that is none.

    ``view``: 'open' (to be answered, the one due first), 'overdue' of these, 'answered', 'all' (the newest first).
    ``find``: the number of a visit, or (the begin of) a complaint's own; then of all, whatever the view.
    """
    acting.require(Action.VIEW_CARE)
    moment, code = _key(after)
    asked = {"area": acting.account.area_path, "now": acting.at, "level": level, "at": moment, "code": code,
             "limit": limit + 1}  # fmt: skip
    bound: LiteralString = " AND c.area_path <@ %(area)s::ltree AND (%(level)s = '' OR c.level = %(level)s)"
    query: LiteralString
    if find.strip():
        sought = find.strip().upper()[:40]
        asked |= {"order": number_of(sought) if may_do(acting.account, Action.ANSWER_COMPLAINTS) else None}
        asked |= {"begin": sought}
        query = (
            _SELECT
            + bound
            + (
                " AND (c.order_id = %(order)s OR starts_with(c.code, %(begin)s))"
                " AND (%(at)s::timestamptz IS NULL OR (c.received_at, c.code) < (%(at)s, %(code)s))"
                " ORDER BY c.received_at DESC, c.code DESC"
            )
        )
    elif view in ("open", "overdue"):
        query = _SELECT + bound + " AND c.state = 'open'"
        if view == "overdue":
            query += " AND c.due_at < %(now)s"
        query += (
            " AND (%(at)s::timestamptz IS NULL OR (c.due_at, c.code) > (%(at)s, %(code)s)) ORDER BY c.due_at, c.code"
        )
    else:
        query = _SELECT + bound + (" AND c.state = 'answered'" if view == "answered" else "")
        query += (
            " AND (%(at)s::timestamptz IS NULL OR (c.received_at, c.code) < (%(at)s, %(code)s))"
            " ORDER BY c.received_at DESC, c.code DESC"
        )
    with conn.cursor(row_factory=class_row(Complaint)) as cursor:
        found = cursor.execute(query + " LIMIT %(limit)s", asked).fetchall()
    if asked.get("order") is None:
        return found
    me = employment_of(conn, acting.account)  # found by its visit it would tell who complained
    return [one for one in found if not about_own(me, one.party)]


def organisations(conn: Connection[Any], acting: Acting) -> list[tuple[str, str, str]]:
    """The organisations of the account's area and those around it that serve it: code, Chinese and English name."""
    acting.require(Action.VIEW_CARE)
    return conn.execute(
        "SELECT o.code, o.name_zh, o.name_en FROM organisation o JOIN area a ON a.id = o.area_id WHERE o.active"
        " AND (a.path <@ %(area)s::ltree OR a.path @> %(area)s::ltree) ORDER BY o.kind, o.code LIMIT 300",
        {"area": acting.account.area_path},
    ).fetchall()


def key_of(one: Complaint, view: str) -> str:
    """The key after which the next page of a list begins."""
    return f"{(one.due_at if view in ('open', 'overdue') else one.received_at).isoformat()}~{one.code}"


def _key(after: str) -> tuple[dt.datetime | None, str]:
    if not after:
        return None, ""
    moment, _, code = after.partition("~")
    try:
        return dt.datetime.fromisoformat(moment), code
    except ValueError:
        raise ProvisioningError(en="this page of the list is gone", zh="列表的这一页已失效", field="after") from None


def counts(conn: Connection[Any], acting: Acting) -> tuple[int, int, int]:
    """(to be answered, of these overdue, answered and the complainant to be asked) in the account's area."""
    row = conn.execute(
        "SELECT count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'open' AND due_at < %s),"
        " count(*) FILTER (WHERE state = 'answered') FROM complaint WHERE state IN ('open', 'answered')"
        " AND area_path <@ %s::ltree",
        (acting.at, acting.account.area_path),
    ).fetchone()
    return (0, 0, 0) if row is None else (int(row[0]), int(row[1]), int(row[2]))


def of_family(conn: Connection[Any], acting: Acting) -> list[Complaint]:
    """A family's own complaints, the newest first, 50 at most."""
    acting.require(Action.FAMILY_CIRCLE)
    with conn.cursor(row_factory=class_row(Complaint)) as cursor:
        return cursor.execute(
            _SELECT  # noqa: S608 - a constant
            + " AND c.code IN (SELECT complaint FROM complaint_author WHERE account_id = %s)"
            " ORDER BY c.received_at DESC LIMIT %s",
            (acting.account.id, LIMIT),
        ).fetchall()


def load(conn: Connection[Any], acting: Acting, code: str) -> Case:
    """A complaint as the account sees it; the look is in the audit. Raises NotFoundError."""
    acting.require(Action.VIEW_CARE, Action.FAMILY_CIRCLE)
    with conn.cursor(row_factory=class_row(Complaint)) as cursor:
        found = cursor.execute(_SELECT + " AND c.code = %s", (code,)).fetchone()
    with conn.cursor(row_factory=class_row(Author)) as cursor:
        author = cursor.execute(
            "SELECT kind, name, phone, told, account_id, recorded_by FROM complaint_author WHERE complaint = %s",
            (code,),
        ).fetchone()
    own = author is not None and author.account_id == acting.account.id
    if found is None or not (own or in_area(acting.account, found.area_path)):
        acting.audit(conn, "refused_view_complaint", what=code[:40])
        raise NotFoundError(en="there is no such complaint", zh="没有这件投诉")
    acting.audit(conn, "view_complaint", found.resident_id, what=code)
    me = employment_of(conn, acting.account)
    answers = may_do(acting.account, Action.ANSWER_COMPLAINTS)
    recorded = own or (author is not None and author.recorded_by == acting.account.id)
    shown = author is not None and sees_author(
        me, found.party, answers=answers, recorded=recorded, told=author.told
    )  # fmt: skip
    with conn.cursor(row_factory=class_row(Event)) as cursor:
        events = cursor.execute(
            "SELECT e.at, a.name_zh AS who, a.name_en AS who_en, e.kind, e.level, e.words FROM complaint_event e"
            " LEFT JOIN account a ON a.id = e.account_id WHERE e.complaint = %s ORDER BY e.id",
            (code,),
        ).fetchall()
    if not shown:  # who wrote it down, or complained by a page, is who complained, or tells
        events = [
            msgspec.structs.replace(one, who=None, who_en=None) if one.kind == "received" else one for one in events
        ]
    why = _refusal(acting, me, found, answers=answers)
    if author is not None and not shown and about_own(me, found.party):
        # whose care it is would tell who complained
        found = msgspec.structs.replace(
            found, resident_id=None, resident=None, resident_zh=None, resident_en=None, order_id=None
        )  # fmt: skip
    steps = STEPS[found.state] if why is None else frozenset()
    if own:  # the complainant says for themself whether it satisfies
        steps |= STEPS[found.state] & {"satisfied", "unsatisfied", "reopen"}
    return Case(complaint=found, author=author if shown else None, events=events, refusal=why, steps=steps)


def _refusal(acting: Acting, me: Any, found: Complaint, *, answers: bool) -> tuple[str, str] | None:
    if not answers:
        return "您的角色不答复投诉", "your role does not answer complaints"
    return refusal(me, found.level, found.party)


def act(conn: Connection[Any], acting: Acting, code: str, step: str, text: str, version: int) -> Complaint:
    """Take a step: 'answer', 'raise', 'note', 'satisfied', 'unsatisfied', 'close', 'reopen'.

    Raises ProvisioningError, NotPermittedError (it is about oneself, or of a higher level), NotFoundError,
    ChangedMeanwhileError.
    """
    case = load(conn, acting, code)
    found = case.complaint
    if step not in case.steps:
        if case.refusal is not None:
            zh, en = case.refusal
            raise NotPermittedError(zh=zh, en=en)
        raise ProvisioningError(
            en=f"this cannot follow: the complaint is {words.STATES[found.state][1]}",
            zh=f"投诉现为“{words.STATES[found.state][0]}”，不能这样操作",
        )
    if step in ("answer", "raise", "note", "unsatisfied", "close", "reopen") and len(text.strip()) < 2:
        raise ProvisioningError(en="write a few words", zh="请写明内容", field="words")
    if len(text) > MOST_WORDS:
        raise ProvisioningError(en=f"{MOST_WORDS} characters at most", zh=f"不超过 {MOST_WORDS} 字", field="words")
    level, state, kind = found.level, found.state, step
    match step:
        case "answer":
            state, kind = "answered", "answered"
        case "satisfied":
            state = "satisfied"
        case "close":
            state, kind = "closed", "closed"
        case "reopen":
            state, kind = "open", "reopened"
        case "raise":
            if level == "district":
                raise ProvisioningError(en="the district is the highest level", zh="已在区级，没有更上一级")
            level, kind = above(level), "raised"
        case "unsatisfied":
            (level, kind), state = after_unsatisfied(level), "open"
    due, rule = found.due_at, None
    if step in ("raise", "unsatisfied", "reopen"):
        hours, rule = _hours(conn, acting, found.severity, level, found.about)
        due = acting.at + dt.timedelta(hours=hours)
    with conn.transaction():
        done = conn.execute(
            """
            UPDATE complaint SET level = %(level)s, state = %(state)s, due_at = %(due)s,
                rule = coalesce(%(rule)s, rule), version = version + 1,
                answered_at = CASE WHEN %(step)s = 'answer' THEN %(at)s ELSE answered_at END,
                closed_at = CASE WHEN %(state)s IN ('satisfied', 'closed') THEN coalesce(closed_at, %(at)s) END
            WHERE code = %(code)s AND version = %(version)s
            """,
            {"level": level, "state": state, "due": due, "rule": rule, "step": step, "at": acting.at,
             "code": code, "version": version},
        )  # fmt: skip
        if not done.rowcount:
            raise ChangedMeanwhileError(
                en="somebody else took a step meanwhile: look at it, then decide anew",
                zh="他人刚刚处理了这件投诉，请先查看再决定",
            )
        _event(conn, acting, code, kind, level, text)
        acting.audit(conn, "handle_complaint", found.resident_id, what=code, step=step)
    return found
