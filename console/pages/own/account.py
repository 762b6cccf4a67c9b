"""One's own account: who one is, last logins, news, sessions, language; password and factors have pages beside it."""

from typing import Annotated

from fastapi import Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import news
from care_network.access.accounts import Account
from care_network.access.passwords import SHORTEST
from care_network.access.permissions import ROLES_ZH, Action, Role, may_do
from care_network.records.accounts import own
from console.shell.entry.confirming import CONFIRMED, self_of
from console.shell.entry.device import device_words
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, current_account
from console.shell.session import back_of, needed, safe_next
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import LANGUAGE_COOKIE, language_of, page

router = page_router()
OWN = Depends(current_account)
A_YEAR_S = 31_536_000


@router.get("/account", dependencies=[OWN])
def account_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return show(request, console, account)


def show(
    request: Request, console: Console, account: Account, status: int = 200, message: str = "", wrong: str = ""
) -> Response:
    """Render one's own account; ``wrong`` names the form that ``message`` belongs to."""
    with console.login_database() as conn:
        found = own.overview(conn, self_of(request, console, account))
    language = language_of(request, account)
    role = Role(account.role)
    return page(
        request, "account.html", account, status, own=found, needed=needed(console, account),
        lets_in=may_do(account, Action.LET_IN), message=message, wrong=wrong, shortest=SHORTEST,
        role=pick(language, ROLES_ZH[role], role.value), device=lambda codes: device_words(language, codes),
    )  # fmt: skip


@router.post("/account/news/read", dependencies=[OWN])
def news_read(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The person has read what was changed."""
    me = self_of(request, console, account)
    with console.login_database() as conn:
        news.read(conn, account.id, me.at)
    return RedirectResponse(back_of(request), 303)


@router.post("/account/confirm", dependencies=[OWN, CONFIRMED])
def confirm(next: Annotated[str, Form()] = "/account") -> Response:
    """The password was right: go on to the page that asked for it."""
    return RedirectResponse(safe_next(next), 303)


@router.post("/account/language", dependencies=[OWN])
def choose_language(
    request: Request, console: Shared, account: CurrentAccount, language: Annotated[str, Form()]
) -> Response:
    """Choose the language of one's pages in every browser, and of one's messages."""
    with console.login_database() as conn:
        own.set_language(conn, self_of(request, console, account), language)
    response = RedirectResponse("/account", 303)
    chosen = "en" if language == "en" else "zh"
    response.set_cookie(LANGUAGE_COOKIE, chosen, samesite="lax", max_age=A_YEAR_S)
    return response


@router.post("/account/sessions/end-others", dependencies=[OWN])
def end_others(request: Request, console: Shared, account: CurrentAccount) -> Response:
    with console.login_database() as conn:
        own.end_other_sessions(conn, self_of(request, console, account))
    return RedirectResponse("/account#sessions", 303)


@router.post("/account/sessions/{number}/end", dependencies=[OWN])
def end_session(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    with console.login_database() as conn:
        own.end_session(conn, self_of(request, console, account), number)
    return RedirectResponse("/account#sessions", 303)
