"""Requests by one tap: asked for, matched, offered to the best provider, then to the next, then to the station."""

import datetime as dt
from typing import Any, Literal, LiteralString

import msgspec
from psycopg import Connection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from care_network.access.accounts import Account
from care_network.access.permissions import Action, covers_every_home, may_do
from care_network.access.visible import may_see
from care_network.below import people_below
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from care_services.core import rule_book
from care_services.core.acting import Acting
from care_services.core.facts import check_here
from care_services.home_services.catalogue.catalogue import service
from care_services.home_services.orders import desk as orders
from care_services.home_services.orders import store
from care_services.home_services.orders.store import SYSTEM, Doer, doer
from care_services.one_tap import choosing
from care_services.one_tap.answering import SUBJECT
from care_services.one_tap.choosing import Choice
from care_services.one_tap.needs import urgent_word
from care_services.one_tap.options import Market, ranked
from vocabulary.times import SHANGHAI

State = Literal["asked", "station", "confirmed", "withdrawn", "refused"]
STATES: dict[str, tuple[str, str]] = {
    "asked": ("等待机构答复", "waits for a provider"),
    "station": ("由服务站安排", "with the station"),
    "confirmed": ("已确认", "confirmed"),
    "withdrawn": ("已撤回", "taken back"),
    "refused": ("无法安排", "not possible"),
}  # fmt: skip
EVENTS: dict[str, tuple[str, str]] = {
    "ask": ("提出申请", "asked"), "offer": ("询问机构", "asked the provider"), "accept": ("机构确认", "confirmed"),
    "yes": ("机构答应上门", "said yes"),
    "decline": ("机构不能接单", "declined"), "expire": ("机构未答复", "did not answer"),
    "to_station": ("转服务站安排", "handed to the station"), "withdraw": ("撤回申请", "taken back"),
    "refuse": ("告知无法安排", "told that it is not possible"),
    "press": ("按了服务键", "pressed the service button"), "kind": ("回电问明", "called back"),
}  # fmt: skip
ASKED_BY: dict[str, tuple[str, str]] = {
    "family": ("家属", "the family"), "panel": ("长者终端", "the panel at home"), "telephone": ("电话", "telephone"),
    "station": ("服务站", "the station"), "button": ("家中按键", "a button at home"),
}  # fmt: skip


class UrgentWordsError(ProvisioningError):
    """Words of a request that sound like an emergency: it must not wait in the queue of services."""

    def __init__(self, heard: str) -> None:
        super().__init__(
            en=f"“{heard}” sounds like an emergency: press the call for help or dial 120 now. If it is none, say so"
            " below and ask again",
            zh=f"“{heard}”听起来是紧急情况：请立即按呼救键或拨打 120。如确认不紧急，请在下方勾选后再提交",
            field="words",
        )


MOST_OPEN = 5
"""Open requests of one resident: more are a mistake, or a child that plays with the tablet."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, with names."""

    id: int
    version: int
    state: State
    resident_id: int
    resident_code: str
    resident_zh: str
    resident_en: str
    area_path: str
    service: str
    """Empty: a button was pressed, and nobody has called back yet."""
    service_zh: str
    service_en: str
    asked_by: str
    actor: str
    words: str
    wanted_at: dt.datetime
    created_at: dt.datetime
    organisation_id: int | None
    provider_zh: str | None
    provider_en: str | None
    staff: str | None
    staff_zh: str | None
    staff_en: str | None
    answer_by: dt.datetime | None
    order_id: int | None


_REQUESTS: LiteralString = """
    SELECT q.id, q.version, q.state, q.resident_id, r.code AS resident_code, r.name_zh AS resident_zh,
           r.name_en AS resident_en, a.path::text AS area_path,
           coalesce(q.service, '') AS service, coalesce(c.name_zh, '服务（种类待问明）') AS service_zh,
           coalesce(c.name_en, 'a service (kind not known yet)') AS service_en, q.asked_by, q.actor, q.words,
           q.wanted_at, q.created_at, q.organisation_id,
           p.name_zh AS provider_zh, p.name_en AS provider_en, s.code AS staff, s.name_zh AS staff_zh,
           s.name_en AS staff_en, q.answer_by, q.order_id
    FROM {requests} q LEFT JOIN care_service c ON c.code = q.service JOIN resident r ON r.id = q.resident_id
    JOIN household h ON h.id = r.household_id AND NOT h.synthetic JOIN area a ON a.id = h.area_id
    LEFT JOIN organisation p ON p.id = q.organisation_id LEFT JOIN staff s ON s.id = q.staff_id
"""


def select(
    conn: Connection[Any], tail: str, values: dict[str, Any], requests: str = "service_request"
) -> list[Request]:  # fmt: skip
    """Load requests by the end of a query (conditions on ``q``, ``a``, order and limit)."""
    with conn.cursor(row_factory=class_row(Request)) as cursor:
        return cursor.execute((_REQUESTS.format(requests=requests) + tail).encode(), values).fetchall()


def ask(
    conn: Connection[Any], acting: Acting, resident_code: str, code: str, wanted_at: dt.datetime, words: str = "",
    asked_by: str = "", *, sure: bool = False,
) -> int:  # fmt: skip
    """Ask for a service for a resident whom the account may see, and offer it to the best provider; its number.

    Words that sound like an emergency are no request: ``sure`` says that somebody has asked, and it is none.
    Raises ProvisioningError with the field.
    """
    acting.require(Action.REQUEST_SERVICE)
    if not sure and (heard := urgent_word(words)):
        raise UrgentWordsError(heard)
    resident_id = acting.resident(conn, resident_code, "request_service")
    by = (
        "family" if acting.account.role == "family" else asked_by if asked_by in ("telephone", "station") else "station"
    )
    at_once = acting.account.role != "family" and covers_every_home(conn, acting.account)
    with conn.transaction():
        made = make(conn, resident_id, code, wanted_at, words, by, doer(acting), acting.at, at_once=at_once)
        acting.audit(conn, "request_service", resident_id, request=made, service=code)
    return made


def make(
    conn: Connection[Any], resident_id: int, code: str, wanted_at: dt.datetime, words: str, asked_by: str, who: Doer,
    at: dt.datetime, *, at_once: bool = False,
) -> int:  # fmt: skip
    """Make a request; part of the caller's transaction, who has asked for permission.

    ``at_once``: offer it now. An account that does not see the people and the visits of the whole district leaves
    that to the rounds, within half a minute: the best of those whom a family sees is not the best.
    """
    check_here(conn, resident_id)
    check_wanted(conn, resident_id, code, wanted_at, at)
    row = conn.execute(
        "INSERT INTO service_request (resident_id, service, asked_by, account_id, actor, words, wanted_at, state,"
        " created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, 'station', %s) RETURNING id",
        (resident_id, code, asked_by, who.account_id, who.name, words.strip()[:400], max(wanted_at, at), at),
    ).fetchone()
    assert row is not None  # noqa: S101 - an INSERT returns its row
    add_event(conn, row[0], "ask", None, who, at, words.strip()[:400])
    if at_once:
        offer_next(conn, row[0], at)
    else:
        leave(conn, row[0], at)
    return int(row[0])


def check_wanted(
    conn: Connection[Any], resident_id: int, code: str, wanted_at: dt.datetime, at: dt.datetime
) -> None:  # fmt: skip
    """Check what somebody asks for: a service in use, in time, not asked for already. Raises ProvisioningError."""
    if not service(conn, code).active:
        raise ProvisioningError(en="this service is out of use", zh="该服务项目已停用", field="service")
    if not at - dt.timedelta(minutes=10) <= wanted_at <= at + dt.timedelta(days=60):
        raise ProvisioningError(en="choose a time from now on, within 60 days", zh="请选择现在以后、60 天以内的时间",
                                field="wanted_at")  # fmt: skip
    open_ones = conn.execute(
        "SELECT service FROM service_request WHERE resident_id = %s AND state IN ('asked', 'station')", (resident_id,)
    ).fetchall()
    if len(open_ones) >= MOST_OPEN or (code,) in open_ones:
        raise ProvisioningError(
            en="this was asked for already: see where it stands, or take it back first",
            zh="已有同样的申请在办理，请查看进度，或先撤回", field="service",
        )  # fmt: skip


def leave(conn: Connection[Any], request_id: int, at: dt.datetime) -> None:
    """Leave the offering of a request to the rounds: it is due now, and nobody is asked at the moment."""
    conn.execute(
        "UPDATE service_request SET state = 'asked', organisation_id = NULL, staff_id = NULL, answer_by = %s,"
        " version = version + 1 WHERE id = %s",
        (at, request_id),
    )


def offer_next(
    conn: Connection[Any], request_id: int, at: dt.datetime, market: Market | None = None
) -> Choice | None:  # fmt: skip
    """Offer a request to the best provider that was not asked yet; None: nobody is left, and the station has it.

    Part of the caller's transaction, which holds the row. ``market``: shared by the requests of one turn.
    """
    found = _one(conn, request_id)
    asked = {
        row[0]
        for row in conn.execute(
            "SELECT organisation_id FROM service_request_event WHERE request_id = %s AND action = 'offer'",
            (request_id,),
        ).fetchall()
    }
    best = next(iter(ranked(conn, found.resident_id, found.service, max(found.wanted_at, at), asked, market)), None)
    if best is None:
        conn.execute(
            "UPDATE service_request SET state = 'station', organisation_id = NULL, staff_id = NULL, answer_by = NULL,"
            " version = version + 1 WHERE id = %s",
            (request_id,),
        )
        add_event(conn, request_id, "to_station", None, SYSTEM, at)
        return None
    hours = max(0, int((found.wanted_at - at).total_seconds() // 3600))
    ruling = rule_book.current(conn, SUBJECT, at.astimezone(SHANGHAI).date()).decide(
        {"hours_until": hours, "service": found.service}
    )
    minutes = 30 if ruling.rule is None else int(ruling.rule.then["answer_minutes"])
    conn.execute(
        "UPDATE service_request SET state = 'asked', organisation_id = %s, answer_by = %s, version = version + 1,"
        " staff_id = (SELECT id FROM staff WHERE code = %s) WHERE id = %s",
        (
            best.option.organisation_id, choosing.answer_by(at, minutes, found.wanted_at),
            best.worker.code if best.worker else None, request_id,
        ),
    )  # fmt: skip
    detail = {"zh": list(best.reasons_zh), "en": list(best.reasons_en), "score": best.score}
    add_event(conn, request_id, "offer", best.option.organisation_id, SYSTEM, at, detail=detail)
    return best


def accept(
    conn: Connection[Any], acting: Acting, request_id: int, seen: int, start: dt.datetime | None = None,
    staff: str | None = None, organisation_id: int | None = None,
) -> int:  # fmt: skip
    """Say yes for the provider that is asked (or, for the station, for one that it chooses): a service order is made.

    Raises ProvisioningError with the field, ChangedMeanwhileError where somebody else was first.
    """
    with conn.transaction():
        found = claim(conn, acting, request_id, seen, ("asked", "station"))
        if not found.service:
            raise ProvisioningError(en="call back first, and choose what is wanted", zh="请先回电问明需要什么服务")
        provider = organisation_id if found.state == "station" else found.organisation_id
        if provider is None:
            raise ProvisioningError(en="choose a provider", zh="请选择服务机构", field="organisation")
        made = orders.make(
            conn, acting, found.resident_id, found.service, provider, start or max(found.wanted_at, acting.at), None,
            found.staff if staff is None else staff or None, "one_tap",
        )  # fmt: skip
        conn.execute(
            "UPDATE service_request SET state = 'confirmed', organisation_id = %s, order_id = %s, answer_by = NULL,"
            " version = version + 1 WHERE id = %s",
            (provider, made, request_id),
        )
        add_event(conn, request_id, "accept", provider, doer(acting), acting.at, detail={"order": made})
        acting.audit(conn, "answer_service_request", found.resident_id, request=request_id, service_order=made)
    return made


def book(conn: Connection[Any], request_id: int, at: dt.datetime) -> int | None:
    """Make the order of a request to which a provider has said yes from its own account; None: it could not be, and
    the next provider is asked. Part of the caller's transaction, which holds the row.

    The provider's people see neither the resident's facts nor the subsidy's: so the rounds make it.
    """
    found = _one(conn, request_id)
    row = conn.execute(
        "SELECT q.yes_start, a.id, a.login, a.name_zh, a.name_en, a.role, a.language FROM service_request q"
        " JOIN account a ON a.id = q.yes_account WHERE q.id = %s",
        (request_id,),
    ).fetchone()
    provider = found.organisation_id
    if row is not None and provider is not None:
        number, login, name_zh, name_en, role, language = row[1:]
        person = Account(
            id=number, login=login, name_zh=name_zh, name_en=name_en, role=role, area_path=None, language=language
        )
        try:
            with conn.transaction():
                made = orders.make(
                    conn, Acting(person, at), found.resident_id, found.service, provider, max(row[0], at), None,
                    found.staff, "one_tap",
                )  # fmt: skip
        except ProvisioningError as error:
            add_event(conn, request_id, "decline", provider, SYSTEM, at, error.message_zh[:400])
        else:
            conn.execute(
                "UPDATE service_request SET state = 'confirmed', order_id = %s, answer_by = NULL,"
                " version = version + 1 WHERE id = %s",
                (made, request_id),
            )
            add_event(conn, request_id, "accept", provider, Doer(number, name_zh), at, detail={"order": made})
            return made
    conn.execute(
        "UPDATE service_request SET yes_at = NULL, yes_start = NULL, yes_account = NULL WHERE id = %s", (request_id,)
    )
    leave(conn, request_id, at)
    return None


def decline(conn: Connection[Any], acting: Acting, request_id: int, seen: int, note: str) -> None:
    """Say no for the provider that is asked: the rounds ask the next one within half a minute."""
    if not note.strip():
        raise ProvisioningError(en="say why", zh="请填写原因", field="note")
    with conn.transaction():
        found = claim(conn, acting, request_id, seen, ("asked",))
        add_event(conn, request_id, "decline", found.organisation_id, doer(acting), acting.at, note.strip()[:400])
        acting.audit(conn, "answer_service_request", found.resident_id, request=request_id)
        leave(conn, request_id, acting.at)


def refuse(conn: Connection[Any], acting: Acting, request_id: int, seen: int, note: str) -> None:
    """Tell the asker that it is not possible, with the reason: the station's last word."""
    acting.require(Action.PLAN_SERVICES)
    if not note.strip():
        raise ProvisioningError(en="say why: the family reads it", zh="请填写原因，家属会看到", field="note")
    _end(conn, acting, request_id, seen, "refused", "refuse", note)


def withdraw(conn: Connection[Any], acting: Acting, request_id: int, seen: int) -> None:
    """Take a request back, for the family or the desk; where somebody was to come, that visit is cancelled."""
    acting.require(Action.REQUEST_SERVICE)
    with conn.transaction():
        found = one(conn, acting, request_id, audited=False)
        if found.version != seen:
            raise _changed()
        take_back(conn, found, doer(acting), acting.at)
        acting.audit(conn, "withdraw_service_request", found.resident_id, request=request_id)


def take_back(conn: Connection[Any], found: Request, who: Doer, at: dt.datetime) -> None:
    """Take a request back as it was seen, and the visit that was made of it, until the carer is there.

    Part of the caller's transaction, who has asked for permission. Raises ChangedMeanwhileError.
    """
    if found.state not in ("asked", "station", "confirmed"):
        raise _changed()
    done = conn.execute(
        "UPDATE service_request SET state = 'withdrawn', answer_by = NULL, version = version + 1"
        " WHERE id = %s AND version = %s",
        (found.id, found.version),
    )
    if not done.rowcount:
        raise _changed()
    if found.state == "confirmed" and found.order_id is not None:
        order = store.load(conn, found.order_id)
        store.change(conn, order, "cancel", who, at, note="申请人取消", detail={"request": found.id})
    add_event(conn, found.id, "withdraw", found.organisation_id, who, at)


def _end(
    conn: Connection[Any], acting: Acting, request_id: int, seen: int, state: State, action: str, note: str
) -> None:  # fmt: skip
    with conn.transaction():
        found = one(conn, acting, request_id, audited=False)
        if found.version != seen or found.state not in ("asked", "station"):
            raise _changed()
        done = conn.execute(
            "UPDATE service_request SET state = %s, answer_by = NULL, version = version + 1"
            " WHERE id = %s AND version = %s",
            (state, request_id, seen),
        )
        if not done.rowcount:
            raise _changed()
        add_event(conn, request_id, action, found.organisation_id, doer(acting), acting.at, note.strip()[:400])
        acting.audit(conn, f"{action}_service_request", found.resident_id, request=request_id)


def one(conn: Connection[Any], acting: Acting, request_id: int, *, audited: bool = True) -> Request:
    """One request that the account may see. Raises NotFoundError."""
    acting.require(Action.VIEW_CARE, Action.REQUEST_SERVICE)
    found = select(conn, " WHERE q.id = %(id)s", {"id": request_id}) if 0 < request_id < 2**31 else []
    if not found or not may_see(conn, acting.account, found[0].resident_id):
        acting.audit(conn, "refused_view_service_request", found[0].resident_id if found else None, request=request_id)
        raise NotFoundError(en="there is no such request", zh="没有这项申请")
    if audited:
        acting.audit(conn, "view_service_request", found[0].resident_id, request=request_id)
    return found[0]


def listed(conn: Connection[Any], acting: Acting, *, after: int = 0, limit: int = 50) -> list[Request]:
    """The requests of the account's area: open ones first by their time, then the latest that are over."""
    acting.require(Action.VIEW_CARE)
    order = " ORDER BY (%(after)s = 0 AND q.state IN ('asked', 'station')) DESC, q.id DESC"
    here = people_below("q.resident_id")
    found = f"(SELECT * FROM service_request q WHERE {here} AND (%(after)s = 0 OR q.id < %(after)s)"  # noqa: S608
    return select(
        conn, order, {"area": acting.account.area_path, "after": after, "limit": limit},
        f"{found}{order} LIMIT %(limit)s)",
    )  # fmt: skip


def of_resident(conn: Connection[Any], resident_id: int, since: dt.datetime) -> list[Request]:
    """The requests for a resident since a time, the latest first. The caller has asked."""
    return select(
        conn, " WHERE q.resident_id = %(resident)s AND q.created_at > %(since)s ORDER BY q.id DESC LIMIT 20",
        {"resident": resident_id, "since": since},
    )  # fmt: skip


def history(conn: Connection[Any], request_id: int) -> list[dict[str, Any]]:
    """The events of a request, the oldest first, each with the provider that it is about."""
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT e.at, e.action, e.actor, e.note, e.detail, o.name_zh AS provider_zh, o.name_en AS provider_en,"
            " (SELECT n.name_en FROM account n WHERE n.id = e.account_id) AS actor_en"
            " FROM service_request_event e LEFT JOIN organisation o ON o.id = e.organisation_id"
            " WHERE e.request_id = %s ORDER BY e.id",
            (request_id,),
        ).fetchall()


def claim(conn: Connection[Any], acting: Acting, request_id: int, seen: int, states: tuple[str, ...]) -> Request:
    """Load a request for who may answer: the station, or somebody of the provider that is asked; its row is locked."""
    acting.require(Action.PLAN_SERVICES, Action.SERVE)
    found = one(conn, acting, request_id, audited=False)
    conn.execute("SELECT FROM service_request WHERE id = %s FOR UPDATE", (request_id,))
    now = _one(conn, request_id)
    if now.version != seen or now.state not in states:
        raise _changed()
    if not may_do(acting.account, Action.PLAN_SERVICES):
        row = conn.execute(
            "SELECT organisation_id FROM staff WHERE account_id = %s AND active", (acting.account.id,)
        ).fetchone()
        if row is None or row[0] != found.organisation_id or found.state != "asked":
            raise NotPermittedError(en="another provider is asked", zh="该申请正在询问其他机构")
    return now


def _one(conn: Connection[Any], request_id: int) -> Request:
    return select(conn, " WHERE q.id = %(id)s", {"id": request_id})[0]


def add_event(
    conn: Connection[Any], request_id: int, action: str, organisation_id: int | None, who: Doer, at: dt.datetime,
    note: str = "", detail: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Append a line to the history of a request."""
    conn.execute(
        "INSERT INTO service_request_event (request_id, at, action, organisation_id, account_id, actor, note, detail)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (request_id, at, action, organisation_id, who.account_id, who.name, note, Jsonb(detail or {})),
    )


def event(conn: Connection[Any], request_id: int, action: str, organisation_id: int | None, at: dt.datetime) -> None:
    """Append what the platform did by itself to a request."""
    add_event(conn, request_id, action, organisation_id, SYSTEM, at)


def _changed() -> ChangedMeanwhileError:
    return ChangedMeanwhileError(
        en="somebody else has answered meanwhile: look at it again", zh="他人刚刚处理了这项申请，请刷新查看"
    )
