"""Requests for help: ask, match, offer, accept, tell the minutes, confirm, settle. How one ends otherwise: ``ending``.

Help counts when both sides have said how long it was, and said the same: the volunteer (by their link, or as the
station wrote their word down), and the receiving side (the family, or the station for the resident), who is never the
same person. Where they differ, the station decides with a reason. Confirmed minutes are booked in the same transaction.
"""

import datetime as dt
import uuid
from typing import Any

import msgspec
from psycopg import Connection

from care_network.access.accounts import Account
from care_network.access.permissions import Action, audit, may_do, require
from care_network.access.visible import may_see
from care_network.catalogues.workforce import LANGUAGES
from care_network.consents import register
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core.facts import check_here
from care_services.time_bank import books, holders, people, store
from care_services.time_bank.correcting import credits_of
from care_services.time_bank.kinds import KINDS, REQUEST_STATES
from care_services.time_bank.matching import Match, against, match
from care_services.time_bank.running import missed, telling
from care_services.time_bank.store import Request
from vocabulary.times import SHANGHAI

MOST_WORDS = 400
PURPOSE = "volunteers"
"""Purpose of the consent that volunteers are told who a resident is, and where."""
AHEAD = dt.timedelta(days=90)
"""Requests are made for the next quarter at most."""
LATE = dt.timedelta(days=30)
"""So long after its time the minutes of a request are told."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """The person who takes a step: an account, or whom a signed link names."""

    key: str
    """'account:12', 'volunteer:V00001', 'contact:…': by which the two sides are told apart."""
    name: str
    account_id: int | None = None
    account: Account | None = None
    origin: str = ""


ELSEWHERE = ("已另行安排", "it is arranged otherwise")
SYSTEM = Person(key="system", name="系统")
"""The rounds of care."""


def as_account(account: Account, origin: str = "") -> Person:
    """An account as whoever takes a step."""
    return Person(
        key=f"account:{account.id}", name=account.name_zh, account_id=account.id, account=account, origin=origin
    )


class NewRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as a form sends it: day and hour in Shanghai; ``minutes`` empty: as usual for its kind."""

    resident: str
    kind: str
    day: str
    hour: str
    minutes: str = ""
    language: str = ""
    sex: str = ""
    paid_by: str = "community"
    words: str = ""
    asked_as: str = "station"


def ask(
    conn: Connection[Any], account: Account, new: NewRequest, now: dt.datetime, *, key: str = "", origin: str = ""
) -> int:
    """Ask for help for a resident; returns the request's number.

    Paid by hours, the resident's minutes are spent at once, and given back when it is cancelled. Raises
    ProvisioningError with the wrong field, OverdrawnError.
    """
    family = not may_do(account, Action.MANAGE_TIME_BANK)
    require(account, Action.CONFIRM_HELP if family else Action.MANAGE_TIME_BANK)
    row = conn.execute(
        "SELECT r.id FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic WHERE r.code = %s",
        (new.resident.strip(),),
    ).fetchone()
    if row is None or not may_see(conn, account, row[0]):
        raise NotFoundError(zh="辖区内没有这位老人", en="no such resident in your area", field="resident")
    check_here(conn, row[0], "resident")
    kind = KINDS.get(new.kind)
    if kind is None or not kind.by_hand:
        raise ProvisioningError(zh="请选择互助类型", en="choose the kind of help", field="kind")
    begins, ends, minutes = _when(new, kind.minutes, now)
    if new.language and new.language not in LANGUAGES:
        raise ProvisioningError(zh="没有这种语言", en="there is no such language", field="language")
    asked_as = "family" if family else new.asked_as if new.asked_as in ("resident", "family", "station") else "station"
    paid_by = new.paid_by if new.paid_by in ("community", "hours") else "community"
    number = uuid.uuid4()
    with conn.transaction():
        made = conn.execute(
            "INSERT INTO time_request (id, resident_id, kind, wanted_from, wanted_until, minutes, language, sex,"
            " paid_by, asked_as, asked_by, asked_at, words) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " RETURNING number",
            (
                number, row[0], new.kind, begins, ends, minutes, new.language or None,
                new.sex if new.sex in ("female", "male") else None, paid_by, asked_as, account.id, now,
                new.words.strip()[:MOST_WORDS],
            ),
        ).fetchone()  # fmt: skip
        assert made is not None  # noqa: S101 - an INSERT returns its row
        if paid_by == "hours":
            holder = holders.find(conn, account, "resident", new.resident.strip())
            books.spend(conn, account, holder, minutes, number, key or f"redeem/{number}", now, origin)
        event(conn, number, "ask", None, "open", as_account(account, origin), now)
        audit(conn, account, "ask_for_help", at=now, resident_id=row[0], origin=origin, detail={"number": made[0]})
    return int(made[0])


def _when(new: NewRequest, usual: int, now: dt.datetime) -> tuple[dt.datetime, dt.datetime, int]:
    try:
        begins = dt.datetime.fromisoformat(f"{new.day.strip()}T{new.hour.strip()}").replace(tzinfo=SHANGHAI)
    except ValueError as error:
        raise ProvisioningError(zh="请填写日期和时间", en="write the day and the hour", field="day") from error
    try:
        minutes = int(new.minutes) if new.minutes.strip() else usual
    except ValueError:
        minutes = 0
    if not 5 <= minutes <= 720:
        raise ProvisioningError(zh="时长为 5 到 720 分钟", en="5 to 720 minutes", field="minutes")
    if not now <= begins <= now + AHEAD:
        raise ProvisioningError(zh="请选择今后 90 天内的时间", en="choose a time within the next 90 days", field="day")
    begins = begins.astimezone(dt.UTC)
    return begins, begins + dt.timedelta(minutes=minutes), minutes


def matches(conn: Connection[Any], account: Account, one: Request) -> list[Match]:
    """Whom to ask for a request, the best first, with the reasons; those who cannot be asked with why not."""
    require(account, Action.VIEW_CARE)
    return match(store.wanted(conn, one), store.candidates(conn, account, one))


def offer(
    conn: Connection[Any], account: Account, number: int, volunteer: str, version: int, now: dt.datetime, *,
    accepted: bool = False, origin: str = "",
) -> None:  # fmt: skip
    """Ask a volunteer; ``accepted``: they said yes already, by telephone. Raises ProvisioningError with why not."""
    require(account, Action.MANAGE_TIME_BANK)
    one = store.find(conn, account, number)
    in_state(one, "open", "offered")
    check_agreed(conn, one.resident_id)
    chosen = people.find(conn, account, volunteer)
    judged = next((each for each in matches(conn, account, one) if each.candidate.id == chosen.id), None)
    if judged is None or judged.against:
        why = judged.against if judged else (("不在该区域服务", "does not help there"),)
        raise ProvisioningError(
            zh=f"不能安排 {chosen.name_zh}：{'；'.join(zh for zh, _ in why)}", field="volunteer",
            en=f"{chosen.name_en} cannot be asked: {'; '.join(en for _, en in why)}",
        )  # fmt: skip
    after = "accepted" if accepted else "offered"
    with conn.transaction():
        set_state(conn, one, version, after, volunteer_id=chosen.id)
        detail = {"points": judged.points, "reasons": [list(words) for words in judged.reasons]}
        person = as_account(account, origin)
        event(conn, one.id, "accept" if accepted else "offer", one.state, after, person, now, chosen.id, detail=detail)
        trace(conn, one, after, person, now)
        telling.over(conn, one, now, ELSEWHERE)
        if not accepted:
            telling.offered(conn, one, chosen.code, version + 1, now)


def answer(conn: Connection[Any], one: Request, person: Person, now: dt.datetime, *, yes: bool) -> None:
    """Take the volunteer's answer to an offer. A check that has expired by now, or a consent that is gone, refuses a
    yes."""
    in_state(one, "offered")
    if yes:
        check_agreed(conn, one.resident_id)
        _still_fits(conn, one, now)
    after = "accepted" if yes else "open"
    with conn.transaction():
        set_state(conn, one, one.version, after, volunteer_id=one.volunteer_id if yes else None)
        event(conn, one.id, "accept" if yes else "decline", one.state, after, person, now, one.volunteer_id)
        trace(conn, one, after, person, now)
        telling.over(conn, one, now, ELSEWHERE)


def answer_for(
    conn: Connection[Any], account: Account, number: int, version: int, now: dt.datetime, *, yes: bool, origin: str = ""
) -> None:
    """Write down the answer that a volunteer gave the station, by telephone for example."""
    require(account, Action.MANAGE_TIME_BANK)
    one = store.find(conn, account, number)
    if one.version != version:
        raise ChangedMeanwhileError(
            zh="他人刚刚处理了这项服务，请刷新后查看", en="somebody else changed this request meanwhile: look again"
        )
    answer(conn, one, as_account(account, origin), now, yes=yes)


def check_agreed(conn: Connection[Any], resident_id: int) -> None:
    """Refuse where the resident has not agreed that volunteers are told their name and door. Raises NotPermittedError.

    Asked at each offer, answer and look, so that a withdrawal holds at once.
    """
    said = register.agrees(conn, resident_id, PURPOSE)
    if said is None:
        raise NotPermittedError(
            zh="还没有问过老人是否同意把称呼、住址和需要告知志愿者，请先登记同意",
            en="the resident was never asked whether volunteers may be told their name and address: ask, and write it"
            " down first",
        )  # fmt: skip
    if not said:
        raise NotPermittedError(
            zh="老人不同意把称呼、住址和需要告知志愿者，请由工作人员上门",
            en="the resident does not agree that volunteers are told their name and address: staff have to go",
        )


def _still_fits(conn: Connection[Any], one: Request, now: dt.datetime) -> None:
    found = people.read(
        conn, f"SELECT {people.COLUMNS} FROM {people.TABLES} WHERE v.id = %(id)s", {"id": one.volunteer_id}  # noqa: S608
    )  # fmt: skip
    if not found:
        raise NotFoundError(zh="没有这位志愿者", en="there is no such volunteer")
    volunteer = found[0]
    busy = conn.execute(
        "SELECT busy FROM time_load(%s, %s, %s, %s, %s)",
        (volunteer.id, one.id, one.wanted_from, one.wanted_from, one.wanted_until),
    ).fetchone()
    candidate = store.candidate_of(volunteer, busy=busy is not None and bool(busy[0]))
    why = against(store.wanted(conn, one), candidate)
    if why:
        raise ProvisioningError(
            zh=f"现在不能接受：{'；'.join(zh for zh, _ in why)}", en=f"not possible: {'; '.join(en for _, en in why)}"
        )


def take_back(
    conn: Connection[Any], account: Account, number: int, version: int, note: str, now: dt.datetime, origin: str = "",
    *, cannot: str = "",
) -> None:  # fmt: skip
    """Take an offer back, or free a volunteer who cannot come: the request is open again.

    ``cannot``: the code of the volunteer who said that they cannot keep their promise; within a day of it, that is
    written down as said too late. Empty: the station wanted it otherwise, and it counts for nobody.
    """
    require(account, Action.MANAGE_TIME_BANK)
    one = store.find(conn, account, number)
    in_state(one, "offered", "accepted")
    whose = {one.volunteer: one.volunteer_id, one.partner: one.partner_id}.get(cannot) if cannot else None
    if cannot and whose is None:
        raise ProvisioningError(zh="请选择是谁不能前往", en="choose who cannot come", field="cannot")
    with conn.transaction():
        free(conn, one, "cannot" if whose else "take_back", as_account(account, origin), now, note, version, whose)


def cannot_come(conn: Connection[Any], one: Request, person: Person, volunteer_id: int, now: dt.datetime) -> None:
    """Take a volunteer's word, by their link, that they cannot keep a promise: somebody else is looked for.

    Raises ProvisioningError when its hour has come: then the station has to hear it by telephone.
    """
    in_state(one, "accepted")
    if now >= one.wanted_from:
        raise ProvisioningError(
            zh="约定时间已到，请直接致电社区站", en="its hour has come: call the station", field="act"
        )
    with conn.transaction():
        free(conn, one, "cannot", person, now, whose=volunteer_id)


def free(
    conn: Connection[Any], one: Request, action: str, person: Person, now: dt.datetime, note: str = "",
    version: int | None = None, whose: int | None = None,
) -> None:  # fmt: skip
    """Free the volunteers of a request: it is open again, in the caller's transaction.

    ``whose``: who said that they cannot come; a promise that is given back late is written down.
    """
    set_state(conn, one, one.version if version is None else version, "open", volunteer_id=None, partner_id=None)
    event(conn, one.id, action, one.state, "open", person, now, whose or one.volunteer_id, note)
    trace(conn, one, "open", person, now)
    telling.over(conn, one, now, ELSEWHERE, but=whose)
    if whose is not None and one.state == "accepted":
        missed.too_late(conn, one, whose, person.account_id, now, note)


def tell(
    conn: Connection[Any], one: Request, minutes: int, person: Person, now: dt.datetime, version: int | None = None
) -> None:
    """Write down the volunteer's word: the help was given, and so long.

    ``person``: the volunteer by their link, or an account that manages the time bank and writes their word down.
    """
    if person.account is not None:
        require(person.account, Action.MANAGE_TIME_BANK)
    in_state(one, "accepted")
    _minutes(minutes, 1)
    if now < one.wanted_from:
        raise ProvisioningError(zh="服务时间还没到", en="its time has not come yet", field="minutes")
    if now > one.wanted_until + LATE:
        raise ProvisioningError(
            zh="超过 30 天未登记，请联系社区站取消后重新登记", en="it is more than 30 days ago", field="minutes"
        )
    with conn.transaction():
        set_state(
            conn, one, one.version if version is None else version, "done", told_minutes=minutes, told_at=now,
            told_by=person.key,
        )  # fmt: skip
        event(conn, one.id, "tell", one.state, "done", person, now, one.volunteer_id, detail={"minutes": minutes})
        trace(conn, one, "done", person, now)
        telling.to_confirm(conn, one, minutes, now)


def confirm(
    conn: Connection[Any], one: Request, minutes: int, person: Person, now: dt.datetime, *, said_as: str = "",
    who: str = "", version: int | None = None,
) -> str:  # fmt: skip
    """Write down the receiving side's word; returns the state: confirmed and booked, or disputed.

    ``minutes`` 0: nobody came. ``person``: an account with CONFIRM_HELP that sees the resident, or whom a link names;
    never who has told the volunteer's word, nor the volunteer. ``who``: of a word that the station heard, by whom and
    how ("his daughter, by telephone"): it cannot be missing.
    """
    side = said_as or "station"
    if person.account is not None:
        require(person.account, Action.CONFIRM_HELP)
        side = "family" if person.account.role == "family" else said_as or "station"
    if side not in ("resident", "family", "station"):
        raise ProvisioningError(zh="请选择由谁确认", en="choose who confirms", field="said_as")
    in_state(one, "done")
    _minutes(minutes, 0)
    _other_person(conn, one, person)
    heard = person.account is not None and person.account.role != "family"
    if heard and side != "station" and not who.strip():
        raise ProvisioningError(
            zh="请写明是谁、怎样告诉您的（如：女儿，电话）", field="who",
            en="write who told you so, and how: 'his daughter, by telephone'",
        )  # fmt: skip
    after = "confirmed" if minutes == one.told_minutes else "disputed"
    with conn.transaction():
        said: dict[str, Any] = {"said_minutes": minutes, "said_at": now, "said_by": person.key, "said_as": side,
                                "said_who": who.strip()[:120] if heard else ""}  # fmt: skip
        if after == "confirmed":
            _close(conn, one, minutes, now, version, said)
        else:
            set_state(conn, one, one.version if version is None else version, after, **said)
        event(
            conn, one.id, "confirm", one.state, after, person, now, one.volunteer_id, who if heard else "",
            {"minutes": minutes},
        )  # fmt: skip
        if after == "confirmed":
            _book(conn, one, person, now)
        telling.confirmed(conn, one)
        trace(conn, one, after, person, now)
    return after


def settle(
    conn: Connection[Any], account: Account, number: int, minutes: int, reason: str, version: int, now: dt.datetime,
    origin: str = "",
) -> None:  # fmt: skip
    """Decide how long disputed help was, with a reason: by somebody who has spoken for neither side."""
    require(account, Action.MANAGE_TIME_BANK)
    one = store.find(conn, account, number)
    in_state(one, "disputed")
    _minutes(minutes, 0)
    person = as_account(account, origin)
    if not reason.strip():
        raise ProvisioningError(zh="请写明认定依据", en="write what the decision rests on", field="reason")
    if person.key in (one.told_by, one.said_by):
        raise NotPermittedError(
            zh="您已代其中一方登记，请由另一位工作人员认定",
            en="you have spoken for one side: a colleague has to decide",
        )
    _other_person(conn, one, person)
    with conn.transaction():
        more = {"settled_by": account.id, "settled_reason": reason.strip()[:MOST_WORDS]}
        if minutes:
            after = "confirmed"
            _close(conn, one, minutes, now, version, more)
        else:  # nobody came: own hours come back, and it counts as a no-show
            after = "cancelled"
            set_state(conn, one, version, after, agreed=0, closed_at=now, ended_as="no_show", **more)
            missed.not_come(conn, one, account.id, now, reason)
        event(conn, one.id, "settle", one.state, after, person, now, one.volunteer_id, reason, {"minutes": minutes})
        if minutes:
            _book(conn, one, person, now)
        elif one.paid_by == "hours":
            books.refund(conn, one.id, now, account.id)
        trace(conn, one, after, person, now)


def _book(conn: Connection[Any], one: Request, person: Person, now: dt.datetime) -> None:
    """Book what a confirmed request earned; own hours come back as far as the help was shorter than paid for."""
    conn.execute("SELECT time_earn(%s, %s)", (one.id, now))
    if one.paid_by == "hours":
        books.refund(conn, one.id, now, person.account_id)


def _close(
    conn: Connection[Any], one: Request, minutes: int, now: dt.datetime, version: int | None, more: dict[str, Any]
) -> None:
    """Close a request with the minutes that are agreed on, credited by the rules of its day."""
    counts = msgspec.structs.asdict(credits_of(conn, one, minutes))
    set_state(
        conn, one, one.version if version is None else version, "confirmed", agreed=minutes, closed_at=now, **counts,
        **more,
    )  # fmt: skip


def _other_person(conn: Connection[Any], one: Request, person: Person) -> None:
    row = conn.execute("SELECT time_own_word(%s, %s)", (one.id, person.key)).fetchone()
    if row is not None and row[0]:
        raise NotPermittedError(
            zh="您就是这次服务的志愿者，须由另一人代表接受服务一方确认",
            en="you are the volunteer of this help: somebody else confirms for the receiving side",
        )
    if person.key == one.told_by:
        raise NotPermittedError(
            zh="志愿者一方的时长是您登记的，接受服务一方须由另一人确认",
            en="you have written the volunteer's word down: somebody else confirms for the receiving side",
        )
    shown = (
        person.account_id is not None
        and conn.execute(
            """
        SELECT FROM time_volunteer v CROSS JOIN LATERAL (
            SELECT e.action, e.account_id FROM time_volunteer_event e WHERE e.volunteer_id = v.id AND e.at <= %(told)s
              AND e.action IN ('link_shown', 'link_made', 'link_taken_back') ORDER BY e.id DESC LIMIT 1) last
        WHERE v.id IN (%(one)s, %(two)s) AND last.action = 'link_shown' AND last.account_id = %(account)s
        """,
            {"told": one.told_at, "one": one.volunteer_id, "two": one.partner_id, "account": person.account_id},
        ).fetchone()
    )
    if shown:
        raise NotPermittedError(
            zh="志愿者登记时长时，其个人链接曾向您出示，接受服务一方须由另一人确认",
            en="you had been shown the volunteer's link when the minutes were told: somebody else confirms",
        )


def _minutes(minutes: int, least: int) -> None:
    if not least <= minutes <= 720:
        raise ProvisioningError(zh=f"时长为 {least} 到 720 分钟", en=f"{least} to 720 minutes", field="minutes")


def in_state(one: Request, *states: str) -> None:
    if one.state not in states:
        zh, en = REQUEST_STATES[one.state]
        raise ChangedMeanwhileError(
            zh=f"该服务当前状态为“{zh}”，不能这样操作，请刷新", en=f"the request is {en} by now: look at it again"
        )


def set_state(conn: Connection[Any], one: Request, version: int, state: str, **more: Any) -> None:
    names = "".join(f", {name} = %({name})s" for name in more)
    done = conn.execute(
        f"UPDATE time_request SET state = %(state)s, version = version + 1{names}"  # noqa: S608
        " WHERE id = %(id)s AND version = %(version)s",
        {**more, "state": state, "id": one.id, "version": version},
    )
    if done.rowcount == 0:
        raise ChangedMeanwhileError(
            zh="他人刚刚处理了这项服务，请刷新后查看", en="somebody else changed this request meanwhile: look again"
        )


def event(
    conn: Connection[Any], number: uuid.UUID, action: str, before: str | None, after: str, person: Person,
    now: dt.datetime, volunteer: int | None = None, note: str = "", detail: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    conn.execute(
        "INSERT INTO time_request_event (request_id, at, action, from_state, to_state, account_id, actor, volunteer_id,"
        " note, detail) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            number, now, action, before, after, person.account_id, person.name, volunteer, note.strip()[:MOST_WORDS],
            msgspec.json.encode(detail or {}).decode(),
        ),
    )  # fmt: skip


def trace(conn: Connection[Any], one: Request, state: str, person: Person, now: dt.datetime) -> None:
    detail = {"number": one.number, "state": state} | ({} if person.account else {"by": person.key})
    audit(conn, person.account, "change_help", at=now, resident_id=one.resident_id, origin=person.origin, detail=detail)
