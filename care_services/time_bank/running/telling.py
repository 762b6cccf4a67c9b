"""Tell volunteers and the receiving side: offers, ends, confirmations, visits, own links. By the notices of the wing.

A text names no resident: who they are and where stands behind the signed link, and only where they agree.
"""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_services.core import notices
from care_services.core.notices import SignedPage
from care_services.time_bank.kinds import KINDS
from care_services.time_bank.store import Request
from vocabulary.times import SHANGHAI

HELP, NEIGHBOUR, CONFIRM = "time_help", "time_neighbour", "time_confirm"
"""Purposes of the signed pages."""
SOON = dt.timedelta(hours=12)
"""Before its hour, from which on a message waits for no morning."""
_HELP_KIND, _WORD_KIND, _ROUND_KIND = "volunteer_help", "volunteer_word", "volunteer_round"


def help_page(one: Request) -> SignedPage:
    """The page of a request for its volunteer."""
    return SignedPage("/help", HELP, f"{one.id}.{one.link_serial}")


def done_page(one: Request) -> SignedPage:
    """The page on which the receiving side says how long it was."""
    return SignedPage("/help-done", CONFIRM, f"{one.id}.{one.link_serial}")


def own_page(code: str, serial: int) -> SignedPage:
    """A volunteer's own page."""
    return SignedPage("/neighbour", NEIGHBOUR, f"{code}.{serial}")


def offered(conn: Connection[Any], one: Request, volunteer: str, version: int, now: dt.datetime) -> None:
    """Ask a volunteer, in the caller's transaction. ``version``: of the request with the offer."""
    when, zh, en = _words(one)
    notices.tell(
        conn, to=notices.to_volunteer(volunteer), kind=_HELP_KIND, key=f"offer/{one.id}/{version}",
        zh=f"{when} {zh}，{one.area_zh}，您能去吗？", en=f"{en} on {when}, {one.area_en}: can you help?",
        due=now, now=now, link=help_page(one), urgent=_soon(one, now),
    )  # fmt: skip


def over(conn: Connection[Any], one: Request, now: dt.datetime, why: tuple[str, str], but: int | None = None) -> None:
    """Take an offer back that was not sent, or tell those who had promised that they need not go.

    ``one``: the request as it was before; ``but``: a volunteer who knows it. Part of the caller's transaction.
    """
    if one.state == "offered":
        notices.withdraw(conn, _HELP_KIND, [f"offer/{one.id}/{one.version}"])
    if one.state != "accepted" or one.wanted_until < now:
        return
    when, zh, en = _words(one)
    for code, number in ((one.volunteer, one.volunteer_id), (one.partner, one.partner_id)):
        if code is not None and number != but:
            notices.tell(
                conn, to=notices.to_volunteer(code), kind=_HELP_KIND, key=f"off/{one.id}/{one.version}",
                zh=f"{when} {zh}不必前往：{why[0]}", en=f"{en} on {when} is off: {why[1]}", due=now, now=now,
                urgent=_soon(one, now),
            )  # fmt: skip


def to_confirm(conn: Connection[Any], one: Request, minutes: int, now: dt.datetime, again: bool = False) -> int:
    """Ask the receiving side whether the minutes are right; how many were asked.

    The family that has a login on its page; other contacts whom the resident lets be told by a link of their own.
    Nobody is asked about their own help as a volunteer. The home's panel asks the resident, and the station by
    telephone: a home without any of them stands in its list.
    """
    when, zh, en = _words(one)
    asked = 0
    for (account,) in conn.execute(
        "SELECT f.account_id FROM family_member f JOIN account a ON a.id = f.account_id AND a.active"
        " WHERE f.resident_id = %s AND f.consent_at <= %s ORDER BY f.account_id LIMIT 3",
        (one.resident_id, now),
    ).fetchall():
        if _own_word(conn, one, f"account:{account}"):
            continue
        asked += notices.tell(
            conn, to=notices.to_account(account), kind=_HELP_KIND, key=_confirm_key(one, again),
            zh=f"{when} {zh}：志愿者登记 {minutes} 分钟，请确认", due=now, now=now, link="/time-bank",
            en=f"{en} on {when}: the volunteer says {minutes} minutes, please confirm",
        )  # fmt: skip
    for phone, resident in conn.execute(
        "SELECT c.phone, r.code FROM contact c JOIN resident r ON r.id = c.resident_id JOIN household h"
        " ON h.id = r.household_id AND NOT h.synthetic WHERE c.resident_id = %s AND c.consent_at <= %s"
        " AND c.phone <> '' AND NOT EXISTS (SELECT FROM account a WHERE a.id = c.account_id AND a.active)"
        " ORDER BY c.call_order LIMIT 2",
        (one.resident_id, now),
    ).fetchall():
        if _own_word(conn, one, f"contact:{resident}/{phone}"):
            continue
        asked += notices.tell(
            conn, to=notices.to_contact(resident, phone), kind=_HELP_KIND, key=_confirm_key(one, again),
            zh=f"{when} {zh}：志愿者登记 {minutes} 分钟，请确认", due=now, now=now, link=done_page(one),
            en=f"{en} on {when}: the volunteer says {minutes} minutes, please confirm",
        )  # fmt: skip
    return asked


def _confirm_key(one: Request, again: bool) -> str:
    return f"confirm/{one.id}{'/again' if again else ''}"


def _own_word(conn: Connection[Any], one: Request, key: str) -> bool:
    row = conn.execute("SELECT time_own_word(%s, %s)", (one.id, key)).fetchone()
    return row is not None and bool(row[0])


def confirmed(conn: Connection[Any], one: Request) -> None:
    """Take back the question to the receiving side, which is answered."""
    notices.withdraw(conn, _HELP_KIND, [_confirm_key(one, False), _confirm_key(one, True)])


def remind_of_word(conn: Connection[Any], one: Request, now: dt.datetime) -> None:
    """Remind a volunteer of the minutes that they have not told."""
    when, zh, en = _words(one)
    if one.volunteer is not None:
        notices.tell(
            conn, to=notices.to_volunteer(one.volunteer), kind=_WORD_KIND, key=f"word/{one.id}",
            zh=f"{when} {zh}尚未登记时长", en=f"{en} on {when}: please tell the minutes", due=now, now=now,
            link=help_page(one),
        )  # fmt: skip


def own_link(conn: Connection[Any], code: str, serial: int, until: dt.datetime, now: dt.datetime) -> bool:
    """Send a volunteer their own link."""
    day = until.astimezone(SHANGHAI).strftime("%Y-%m-%d")
    return notices.tell(
        conn, to=notices.to_volunteer(code), kind=_HELP_KIND, key=f"link/{code}/{serial}",
        zh=f"您的邻里互助页面，有效期至 {day}", en=f"your page as a neighbour, until {day}", due=now, now=now,
        link=own_page(code, serial),
    )  # fmt: skip


def link_shown(conn: Connection[Any], code: str, serial: int, zh: str, en: str, now: dt.datetime) -> bool:
    """Tell a volunteer that somebody else was shown their link, which holds from now on."""
    when = now.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
    return notices.tell(
        conn, to=notices.to_volunteer(code), kind=_HELP_KIND, key=f"link/{code}/{serial}", due=now, now=now,
        zh=f"{zh} 于 {when} 打开了您的邻里互助页面，原链接已失效。不是您请的？请致电社区站，换一个新链接",
        en=f"{en} was shown your page as a neighbour on {when}; the link before is over. You did not ask for it? Call"
        " the station for a new one", link=own_page(code, serial),
    )  # fmt: skip


def link_over(conn: Connection[Any], code: str, serial: int) -> None:
    """Take back the message with a link that is over."""
    notices.withdraw(conn, _HELP_KIND, [f"link/{code}/{serial}"])


def visits_made(conn: Connection[Any], round_code: str, rows: list[tuple[str, dt.datetime]], now: dt.datetime) -> None:
    """Tell the volunteers of a round about visits that were made: (volunteer, hour), each day once a volunteer."""
    first: dict[tuple[str, str], dt.datetime] = {}
    counts: dict[tuple[str, str], int] = {}
    for code, at in rows:
        key = (code, at.astimezone(SHANGHAI).strftime("%Y-%m-%d"))
        first[key] = min(first.get(key, at), at)
        counts[key] = counts.get(key, 0) + 1
    notices.tell_all(
        conn, _ROUND_KIND,
        [
            notices.Notice(
                to=notices.to_volunteer(code), key=f"round/{round_code}/{day}",
                zh=f"{first[code, day].astimezone(SHANGHAI):%m-%d %H:%M} 起陪伴巡访 {number} 户",
                en=f"{number} visits for company from {first[code, day].astimezone(SHANGHAI):%m-%d %H:%M} on", due=now,
            )
            for (code, day), number in counts.items()
        ],
        now,
    )  # fmt: skip


def _words(one: Request) -> tuple[str, str, str]:
    kind = KINDS[one.kind]
    return f"{one.wanted_from.astimezone(SHANGHAI):%m-%d %H:%M}", kind.zh, kind.en


def _soon(one: Request, now: dt.datetime) -> bool:
    return one.wanted_from - now < SOON
