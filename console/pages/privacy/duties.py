"""The record of processing, duties of law, the impact assessment, periods, and the register of breaches."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.consents.doors import DOORS
from care_network.consents.purposes import BASES, PURPOSES
from care_network.errors import ProvisioningError
from care_services.privacy import breaches, retention
from care_services.privacy.duties import DUTIES, RISKS, STATES, live
from console.pages.admin.sections import GROUPS as ADMIN
from console.pages.care.frame import care_page
from console.pages.care.sections import GROUPS as CARE
from console.pages.sections import open_to
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from vocabulary.times import SHANGHAI

router = page_router()
LOOK, KEEP = needs(Action.VIEW_PRIVACY), needs(Action.MANAGE_PRIVACY)
Text = Annotated[str, Form(max_length=2400)]
LEVELS = {"low": ("低", "low"), "middle": ("中", "middle"), "high": ("高", "high")}


@router.get("/care/privacy/processing", dependencies=[LOOK])
def processing(request: Request, account: CurrentAccount) -> Response:
    """The record of processing: each purpose with its basis, data, recipients and period."""
    return care_page(request, "privacy_processing.html", account, purposes=PURPOSES, bases=BASES, doors=DOORS)


@router.get("/care/privacy/duties", dependencies=[LOOK])
def duties(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Duties of law, where each is met, and the test that shows it; the state as the data has it now."""
    with console.database() as conn:
        now = live(conn, account, dt.datetime.now(dt.UTC))
    shown = [(one, now.get(one.article), now[one.article].state if one.article in now else one.state) for one in DUTIES]
    names = _names()
    mine = {one.address for group in open_to(account, (*CARE, *ADMIN)) for one in group.sections}
    shut = names.keys() - mine
    return care_page(request, "privacy_duties.html", account, duties=shown, states=STATES, names=names, shut=shut)


@router.get("/care/privacy/assessment", dependencies=[LOOK])
def assessment(request: Request, account: CurrentAccount) -> Response:
    """The impact assessment: risks of each use of sensitive data, and what is done against them."""
    return care_page(request, "privacy_assessment.html", account, risks=RISKS, purposes=PURPOSES, levels=LEVELS)


@router.get("/care/privacy/retention", dependencies=[LOOK])
def retention_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Periods by class of data, with what is due now."""
    with console.database() as conn:
        rows = retention.periods(conn, account)
    return care_page(request, "privacy_retention.html", account, rows=rows, classes=retention.CLASSES)


@router.get("/care/privacy/breaches", dependencies=[LOOK])
def breaches_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The register of breaches, and a form for another."""
    return _breaches(request, console, account, {}, None)


@router.post("/care/privacy/breaches", dependencies=[KEEP])
def add_breach(
    request: Request, console: Shared, account: CurrentAccount, happened_at: Text = "", kind: Text = "",
    what: Text = "", people: Text = "", measures: Text = "",
) -> Response:  # fmt: skip
    """Write a breach down."""
    filled = {"happened_at": happened_at, "kind": kind, "what": what, "people": people, "measures": measures}
    try:
        try:
            at = dt.datetime.fromisoformat(happened_at).replace(tzinfo=SHANGHAI)
        except ValueError:
            raise ProvisioningError(en="choose day and time", zh="请选择日期和时间", field="happened_at") from None
        if people and not people.isdecimal():
            raise ProvisioningError(en="a number, or empty: not known yet", zh="填人数；不清楚就留空", field="people")
        with console.database() as conn:
            breaches.add(
                conn, account, at, kind, what, int(people) if people else None, measures,
                at=dt.datetime.now(dt.UTC), origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        return _breaches(request, console, account, filled, error)
    return RedirectResponse("/care/privacy/breaches", 303)


@router.post("/care/privacy/breaches/{number}", dependencies=[KEEP])
def note_breach(
    request: Request, console: Shared, account: CurrentAccount, number: int, step: Text = "", why: Text = "",
    version: Annotated[int, Form()] = 0,
) -> Response:  # fmt: skip
    """Note that the authority or the people were told, or that it is closed."""
    try:
        with console.database() as conn:
            breaches.note(
                conn, account, number, step, version, why, at=dt.datetime.now(dt.UTC), origin=origin_of(request)
            )
    except ProvisioningError as error:
        return _breaches(request, console, account, {}, error)
    return RedirectResponse("/care/privacy/breaches", 303)


def _names() -> dict[str, tuple[str, str]]:
    """The names of pages, by address."""
    return {one.address: (one.zh, one.en) for group in (*CARE, *ADMIN) for one in group.sections}


def _breaches(
    request: Request, console: Console, account: Account, filled: dict[str, str], error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        rows = breaches.listing(conn, account)
    return care_page(
        request, "privacy_breaches.html", account, status_of(error) if error else 200, rows=rows, kinds=breaches.KINDS,
        now_at=dt.datetime.now(dt.UTC), clocks=breaches.CLOCKS,
        filled=filled, wrong={error.field or "step": message_of(request, error, account)} if error else {},
    )  # fmt: skip
