"""Ask again for the password before what is sensitive, unless its person has proved lately who they are (ASVS 3.7.1).

A form that was sent is not lost: the page that asks holds its fields, and sends them on with the password.
"""

import datetime as dt
from typing import Any

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.responses import Response

from care_network.access import sessions
from care_network.access.accounts import Account
from care_network.errors import LoginRefusedError
from care_network.records.accounts import own
from care_network.records.accounts.own import Self
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, origin_of, token_of
from console.shell.state import Console, Shared
from console.shell.views import page

FIELD = "confirm_password"


class ConfirmNeeded(Exception):  # noqa: N818 - not an error: the way to the page that asks
    """The session's person has not proved lately who they are."""

    def __init__(self, account: Account, error: LoginRefusedError | None = None) -> None:
        super().__init__()
        self.account, self.error = account, error


def self_of(request: Request, console: Console, account: Account) -> Self:
    """The person who asks, as the functions of one's own account take them."""
    return Self(account, dt.datetime.now(dt.UTC), origin_of(request), token_of(request, console) or "")


async def confirmed(request: Request, console: Shared, account: CurrentAccount) -> Account:
    """The account, whose person has proved lately who they are, or does so now. Raises ConfirmNeeded."""
    me = self_of(request, console, account)

    def lately() -> bool:
        with console.login_database() as conn:
            return sessions.confirmed(conn, me.token, me.at)

    password = (await request.form()).get(FIELD) if request.method == "POST" else None
    if isinstance(password, str) and password:
        try:
            await console.logins.run(me.origin, lambda: own.confirm(console.login_database, me, password))
        except LoginRefusedError as error:
            raise ConfirmNeeded(account, error) from error
    elif not await console.in_thread(lately):
        raise ConfirmNeeded(account)
    return account


CONFIRMED = Depends(confirmed)


async def ask(request: Request, needed: Exception) -> Response:
    """The page that asks for the password and holds the form that was sent."""
    assert isinstance(needed, ConfirmNeeded)  # noqa: S101 - registered for it
    fields: list[tuple[str, Any]] = []
    target = request.url.path
    if request.method == "POST":
        sent = (await request.form()).multi_items()
        fields = [(name, value) for name, value in sent if name != FIELD and not isinstance(value, UploadFile)]
    else:
        fields, target = [("next", request.url.path)], "/account/confirm"
    message = message_of(request, needed.error, needed.account) if needed.error else ""
    status = status_of(needed.error) if needed.error else 401
    return page(
        request, "confirm.html", needed.account, status, fields=fields, target=target, field=FIELD, message=message
    )
