"""Research without names: projects, their approval, and the exports of each."""

import datetime as dt
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_services.privacy import research
from care_services.privacy.anonymity import LEAST_K, LEAST_L
from console.pages.care.frame import care_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK, KEEP = needs(Action.VIEW_PRIVACY), needs(Action.MANAGE_PRIVACY)
APPROVE = needs(Action.APPROVE_ERASURE)
Text = Annotated[str, Form(max_length=1200)]
KINDS = {
    "quasi": ("可能认出人", "could tell who it is"), "sensitive": ("敏感", "sensitive"),
    "both": ("可能认出人，也敏感", "could tell who it is, and sensitive"),
}  # fmt: skip


def now() -> dt.datetime:
    """This moment."""
    return dt.datetime.now(dt.UTC)


@router.get("/care/privacy/research", dependencies=[LOOK])
def research_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The projects of the area, and a form for another."""
    return _list(request, console, account, {}, None)


@router.post("/care/privacy/research", dependencies=[KEEP])
def plan(
    request: Request, console: Shared, account: CurrentAccount, title: Text = "", purpose: Text = "",
    recipient: Text = "", columns: Annotated[list[str] | None, Form()] = None, k: Annotated[int, Form()] = LEAST_K,
    least: Annotated[int, Form(alias="l")] = LEAST_L, expires_on: Text = "",
) -> Response:  # fmt: skip
    """Write a project down, which waits for another person."""
    filled = {"title": title, "purpose": purpose, "recipient": recipient, "columns": columns or [], "k": k, "l": least,
              "expires_on": expires_on}  # fmt: skip
    try:
        try:
            day = dt.date.fromisoformat(expires_on)
        except ValueError:
            raise ProvisioningError(en="choose the last day", zh="请选择到期日", field="expires_on") from None
        new = research.NewProject(
            title=title, purpose=purpose, recipient=recipient, columns=columns or [], k=k, l=least, expires_on=day
        )
        with console.database() as conn:
            number = research.plan(conn, account, new, at=now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _list(request, console, account, filled, error)
    return RedirectResponse(f"/care/privacy/research/{number}", 303)


@router.get("/care/privacy/research/{number}", dependencies=[LOOK])
def project_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """One project with its exports."""
    return _one(request, console, account, number, None)


@router.post("/care/privacy/research/{number}/decide", dependencies=[APPROVE])
def decide(request: Request, console: Shared, account: CurrentAccount, number: int, yes: Text = "") -> Response:
    """Approve a project or refuse it."""
    try:
        with console.database() as conn:
            research.decide(conn, account, number, yes == "yes", at=now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _one(request, console, account, number, error)
    return RedirectResponse(f"/care/privacy/research/{number}", 303)


@router.post("/care/privacy/research/{number}/exports", dependencies=[KEEP])
def ask(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Ask for an export, which a job makes of those who agree at that moment."""
    try:
        with console.database() as conn:
            research.ask(conn, account, number, at=now(), origin=origin_of(request))
    except ProvisioningError as error:
        return _one(request, console, account, number, error)
    return RedirectResponse(f"/care/privacy/research/{number}", 303)


@router.get("/care/privacy/research-exports/{number}", dependencies=[KEEP])
def file(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """The file of an export."""
    with console.database() as conn:
        body = research.fetch(conn, account, number, at=now(), origin=origin_of(request))
    headers = {"Content-Disposition": f'attachment; filename="research-{number}.csv"', "Cache-Control": "no-store"}
    return Response(body, media_type="text/csv", headers=headers)


def _list(
    request: Request, console: Console, account: Account, filled: dict[str, Any], error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        rows = research.listing(conn, account)
    return care_page(
        request, "privacy_research.html", account, status_of(error) if error else 200, rows=rows, filled=filled,
        columns=research.COLUMNS, kinds=KINDS, states=research.STATES, least=LEAST_K, least_l=LEAST_L,
        wrong={error.field or "title": message_of(request, error, account)} if error else {},
    )  # fmt: skip


def _one(
    request: Request, console: Console, account: Account, number: int, error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        one = research.load(conn, account, number)
        made = research.exports(conn, number)
    return care_page(
        request, "privacy_project.html", account, status_of(error) if error else 200, one=one, exports=made,
        columns=research.COLUMNS, kinds=KINDS, states=research.STATES, export_states=research.EXPORT_STATES,
        wrong=message_of(request, error, account) if error else "",
    )  # fmt: skip
