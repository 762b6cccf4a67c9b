"""Grants: applications by state, a new one settled at once, one with its decision, and the paid list of a month."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import NotFoundError, ProvisioningError
from care_services.core.money import in_yuan
from care_services.core.rules import value_words
from care_services.grants import paid
from care_services.grants.desk import STATE_WORDS, STEP_WORDS, Grants, kind_of
from care_services.grants.ending import WHY_WORDS
from care_services.grants.kinds import KINDS, PER
from care_services.grants.settling import month_of
from care_services.grants.store import PAGE
from console.pages.care.frame import care_page
from console.pages.lists import pager_of
from console.pages.records.form import Filled
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, MANAGE, APPROVE = needs(Action.VIEW_CARE), needs(Action.MANAGE_BEDS), needs(Action.APPROVE_BEDS)
WORDS: dict[str, Any] = {
    "grant_kinds": KINDS, "grant_states": STATE_WORDS, "grant_steps": STEP_WORDS, "grant_per": PER, "yuan": in_yuan,
    "value_words": value_words, "pause_words": WHY_WORDS, "here": "/care/grants",
}  # fmt: skip


def _grants(conn: Any, request: Request, account: Account) -> Grants:
    return Grants(conn, account, at=dt.datetime.now(dt.UTC), origin=origin_of(request))


def _today() -> dt.date:
    return dt.datetime.now(SHANGHAI).date()


@router.get("/care/grants", dependencies=[LOOK])
def grants_page(
    request: Request, console: Shared, account: CurrentAccount, state: str = "waiting", kind: str = "",
    resident: str = "", after: int = 0,
) -> Response:  # fmt: skip
    """Applications of a state, those that wait first; or all of one resident."""
    with console.database() as conn:
        grants = _grants(conn, request, account)
        counts = grants.counts()
        found = grants.of_resident(resident) if resident else grants.listing(state, kind, after)
    more = str(found[PAGE - 1].id) if len(found) > PAGE and not resident else None
    totals = {one: sum(n for (_, other), n in counts.items() if other == one) for one in STATE_WORDS}
    return care_page(
        request, "grants.html", account, applications=found if resident else found[:PAGE], state=state, kind=kind,
        resident=resident, counts=totals, late=counts["", "late"], pager=pager_of(request, more, PAGE), **WORDS,
    )  # fmt: skip


@router.get("/care/grants/new", dependencies=[MANAGE])
def new_page(
    request: Request, console: Shared, account: CurrentAccount, kind: str = "", resident: str = ""
) -> Response:  # fmt: skip
    """The form of an application: first its kind, then what the kind asks for."""
    return _new(request, account, {"kind": kind, "resident": resident[:40]})


@router.post("/care/grants/new", dependencies=[MANAGE])
def apply(request: Request, console: Shared, account: CurrentAccount, sent: Filled) -> Response:
    """Enter an application; the rules settle it at once where they can."""
    texts = {name: values[0] for name, values in sent.items()}
    try:
        with console.database() as conn:
            number = _grants(conn, request, account).apply(
                texts.get("kind", ""), texts.get("resident", ""), texts.get("applicant", ""), texts
            )
    except ProvisioningError as error:
        return _new(request, account, texts, error)
    return RedirectResponse(f"/care/grants/at/{number}", 303)


def _new(
    request: Request, account: Account, sent: dict[str, str], error: ProvisioningError | None = None
) -> Response:  # fmt: skip
    message = message_of(request, error, account) if error else ""
    return care_page(
        request, "grant_new.html", account, status_of(error) if error else 200, sent=sent,
        kind=KINDS.get(sent.get("kind", "")), wrong={error.field: message} if error and error.field else {},
        message=message, **WORDS,
    )  # fmt: skip


@router.get("/care/grants/paid", dependencies=[LOOK])
def paid_page(
    request: Request, console: Shared, account: CurrentAccount, month: str = "", after: int = 0
) -> Response:  # fmt: skip
    """The grants of a month by kind and by person, and what of them is settled."""
    return _paid(request, console, account, month, after)


def _paid(
    request: Request, console: Console, account: Account, month: str, after: int = 0,
    error: ProvisioningError | None = None,
) -> Response:  # fmt: skip
    chosen = paid.read_month(month, _today())
    with console.database() as conn:
        totals, lines = paid.totals(conn, account, chosen), paid.lines(conn, account, chosen, after)
        reclaim = paid.to_reclaim(conn, account)
    more = str(lines[PAGE - 1].application) if len(lines) > PAGE else None
    return care_page(
        request, "grants_paid.html", account, status_of(error) if error else 200, month=chosen, totals=totals,
        reclaim=reclaim,
        lines=lines[:PAGE], pager=pager_of(request, more, PAGE), begun=chosen <= month_of(_today()),
        message=message_of(request, error, account) if error else "", **WORDS,
    )  # fmt: skip


@router.get("/care/grants/reclaim", dependencies=[LOOK])
def reclaim_page(request: Request, console: Shared, account: CurrentAccount, after: int = 0) -> Response:
    """Grants of which more was settled than is due by now."""
    with console.database() as conn:
        lines = paid.open_balances(conn, account, after)
    more = str(lines[PAGE - 1].application) if len(lines) > PAGE else None
    return care_page(
        request, "grants_reclaim.html", account, lines=lines[:PAGE], pager=pager_of(request, more, PAGE), **WORDS
    )


@router.get("/care/grants/paid.csv", dependencies=[LOOK])
def paid_table(request: Request, console: Shared, account: CurrentAccount, month: str = "") -> Response:
    """The settled lines of a month as CSV."""
    chosen, now = paid.read_month(month, _today()), dt.datetime.now(dt.UTC)
    with console.database() as conn:
        text = paid.table(conn, account, chosen, at=now, origin=origin_of(request))
    headers = {"Content-Disposition": f'attachment; filename="grants-{chosen:%Y-%m}.csv"'}
    return Response(text.encode(), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/care/grants/paid", dependencies=[APPROVE])
def settle(
    request: Request, console: Shared, account: CurrentAccount, month: Annotated[str, Form(max_length=7)] = ""
) -> Response:
    """Settle a month: what is due is written down, once."""
    try:
        chosen = paid.read_month(month, _today())
        with console.database() as conn:
            paid.settle(conn, account, chosen, at=dt.datetime.now(dt.UTC), origin=origin_of(request))
    except ProvisioningError as error:
        return _paid(request, console, account, "", 0, error)
    return RedirectResponse(f"/care/grants/paid?month={chosen:%Y-%m}", 303)


@router.get("/care/grants/at/{application_id}", dependencies=[LOOK])
def grant_page(request: Request, console: Shared, account: CurrentAccount, application_id: int) -> Response:
    """One application: what was decided, by which rule and facts, and its history."""
    return _grant(request, console, account, application_id)


def _grant(
    request: Request, console: Console, account: Account, application_id: int, error: ProvisioningError | None = None,
    sent: dict[str, str] | None = None,
) -> Response:  # fmt: skip
    with console.database() as conn:
        file = _grants(conn, request, account).application(application_id)
    message = message_of(request, error, account) if error else ""
    return care_page(
        request, "grant.html", account, status_of(error) if error else 200, file=file, one=file.application,
        kind=kind_of(file.application.kind), message=message, sent=sent or {},
        wrong={error.field: message} if error and error.field else {}, **WORDS,
    )  # fmt: skip


@router.post("/care/grants/at/{application_id}/again", dependencies=[MANAGE])
def again(
    request: Request, console: Shared, account: CurrentAccount, application_id: int, sent: Filled
) -> Response:  # fmt: skip
    """Look at an application that waits once more, with what is known by now."""
    texts = {name: values[0] for name, values in sent.items()}
    version = int(texts["version"]) if texts.get("version", "").isdecimal() else 0
    return _do(
        request, console, account, application_id, lambda grants: grants.again(application_id, version, texts), texts
    )


@router.post("/care/grants/at/{application_id}/withdraw", dependencies=[MANAGE])
def withdraw(
    request: Request, console: Shared, account: CurrentAccount, application_id: int,
    version: Annotated[int, Form()], reason: Annotated[str, Form(max_length=500)] = "",
) -> Response:  # fmt: skip
    """Take an application back."""
    return _do(
        request, console, account, application_id, lambda grants: grants.withdraw(application_id, version, reason),
        {"withdraw": reason},
    )  # fmt: skip


@router.post("/care/grants/at/{application_id}/decide", dependencies=[APPROVE])
def decide(
    request: Request, console: Shared, account: CurrentAccount, application_id: int,
    version: Annotated[int, Form()], act: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=500)] = "", amount: Annotated[str, Form(max_length=20)] = "",
    per: Annotated[str, Form(max_length=10)] = "once",
) -> Response:  # fmt: skip
    """Decide as a person, or stop what is paid each month."""
    acts: dict[str, Any] = {
        "approve": lambda grants: grants.decide(
            application_id, version, approve=True, reason=reason, amount=amount, per=per
        ),
        "refuse": lambda grants: grants.decide(application_id, version, approve=False, reason=reason),
        "stop": lambda grants: grants.stop(application_id, version, reason),
    }
    if act not in acts:
        raise NotFoundError(en="there is no such step", zh="没有这种操作")
    sent = {"reason": reason, "amount": amount, "per": per}
    return _do(request, console, account, application_id, acts[act], sent)


@router.post("/care/grants/at/{application_id}/correct", dependencies=[APPROVE])
def correct(
    request: Request, console: Shared, account: CurrentAccount, application_id: int,
    version: Annotated[int, Form()], amount: Annotated[str, Form(max_length=20)] = "",
    note: Annotated[str, Form(max_length=400)] = "", back: Annotated[str, Form(max_length=5)] = "",
) -> Response:  # fmt: skip
    """Write down that money came back, or was paid in addition."""
    return _do(
        request, console, account, application_id,
        lambda grants: grants.correct(application_id, version, amount, note, back=back == "true"),
        {"amount": amount, "note": note},
    )  # fmt: skip


def _do(
    request: Request, console: Console, account: Account, application_id: int, act: Any, sent: dict[str, str]
) -> Response:
    try:
        with console.database() as conn:
            act(_grants(conn, request, account))
    except NotFoundError:
        raise
    except ProvisioningError as error:
        return _grant(request, console, account, application_id, error, sent)
    return RedirectResponse(f"/care/grants/at/{application_id}", 303)
