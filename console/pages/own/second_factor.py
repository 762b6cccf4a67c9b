"""One's own second factor: enrol an authenticator app by its QR code, recovery codes, switch it off."""

from typing import Annotated

import segno
from fastapi import Depends, Form, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from care_network.access import second_factor
from care_network.access.accounts import Account
from care_network.errors import LoginRefusedError, ProvisioningError
from care_network.records.accounts import own
from console.pages.own.account import show
from console.shell.entry.confirming import CONFIRMED, self_of
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, current_account
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()
OWN = Depends(current_account)


@router.post("/account/second-factor", dependencies=[OWN, CONFIRMED])
def begin(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Make the secret, and show it on the next page."""
    try:
        with console.login_database() as conn, conn.transaction():
            own.offer_second_factor(conn, self_of(request, console, account))
    except ProvisioningError as error:
        return show(request, console, account, status_of(error), message_of(request, error, account), "second-factor")
    return RedirectResponse("/account/second-factor", 303)


@router.get("/account/second-factor", dependencies=[OWN])
def enrol_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _enrol(request, console, account)


def _enrol(request: Request, console: Console, account: Account, error: ProvisioningError | None = None) -> Response:
    me = self_of(request, console, account)
    with console.login_database() as conn:
        secret = second_factor.offered(conn, account.id, me.at)
    if secret is None:
        return RedirectResponse("/account#second-factor", 303)
    return page(
        request, "second-factor.html", account, status_of(error) if error else 200, secret=secret,
        picture=picture(second_factor.address_for_app(account, secret)),
        message=message_of(request, error, account) if error else "",
    )  # fmt: skip


def picture(address: str) -> Markup:
    """A QR code as inline SVG, black on white by day and by night: cameras need the contrast."""
    drawn = segno.make(address, error="m", micro=False)
    return Markup(drawn.svg_inline(scale=5, border=4, dark="#000", light="#fff", omitsize=False, svgclass="qr"))  # noqa: S704 - drawn by us


@router.post("/account/second-factor/enrol", dependencies=[OWN])
def enrol(request: Request, console: Shared, account: CurrentAccount, code: Annotated[str, Form()]) -> Response:
    """The app's first code: from now on one is asked for. Shows the recovery codes, this once."""
    try:
        with console.login_database() as conn:
            codes = own.enrol_second_factor(conn, self_of(request, console, account), code)
    except ProvisioningError as error:
        return _enrol(request, console, account, error)
    return page(request, "recovery-codes.html", account, codes=codes)


@router.post("/account/recovery-codes", dependencies=[OWN])
async def renew_codes(
    request: Request, console: Shared, account: CurrentAccount, password: Annotated[str, Form()]
) -> Response:
    me = self_of(request, console, account)
    try:
        codes = await console.logins.run(
            me.origin, lambda: own.renew_recovery_codes(console.login_database, me, password)
        )
    except (LoginRefusedError, ProvisioningError) as error:
        return await _shown(request, console, account, error, "recovery-codes")
    return page(request, "recovery-codes.html", account, codes=codes)


@router.post("/account/second-factor/remove", dependencies=[OWN])
async def remove(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    password: Annotated[str, Form()],
    code: Annotated[str, Form(max_length=40)],
    sure: Annotated[str, Form()] = "",
) -> Response:
    """Only with the tick at the sentence that says what comes of it."""
    me = self_of(request, console, account)
    try:
        if sure != "yes":
            raise ProvisioningError(
                en="tick that you want it: the line above says what comes of it",
                zh="请先勾选确认：上方写明了停用的后果",
            )
        await console.logins.run(
            me.origin, lambda: own.remove_second_factor(console.login_database, me, password, code)
        )
    except (LoginRefusedError, ProvisioningError) as error:
        return await _shown(request, console, account, error, "remove-second-factor")
    return RedirectResponse("/account#second-factor", 303)


async def _shown(
    request: Request, console: Console, account: Account, error: LoginRefusedError | ProvisioningError, wrong: str
) -> Response:
    words, status = message_of(request, error, account), status_of(error)
    return await console.in_thread(lambda: show(request, console, account, status, words, wrong))
