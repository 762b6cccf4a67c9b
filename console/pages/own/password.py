"""Change one's own password; the only page for an account whose password somebody else chose."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.passwords import LONGEST, SHORTEST
from care_network.errors import LoginRefusedError, ProvisioningError
from care_network.records import account_records
from console.shell.errors import message_of, status_of
from console.shell.security import SessionAccount, origin_of, token_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()


@router.get("/password")
def password_page(request: Request, account: SessionAccount) -> Response:
    return page(request, "password.html", account, shortest=SHORTEST, longest=LONGEST)


@router.post("/password")
async def change_password(
    request: Request,
    console: Shared,
    account: SessionAccount,
    current: Annotated[str, Form()],
    new: Annotated[str, Form()],
    again: Annotated[str, Form()],
) -> Response:
    """Change the password; every other session of the account ends."""
    origin, token = origin_of(request), token_of(request, console)

    def change() -> None:
        if new != again:
            raise ProvisioningError(
                zh="两次输入的新密码不一致", en="the new password was not repeated in the same way", field="again"
            )
        now = dt.datetime.now(dt.UTC)
        account_records.change_own_password(
            console.login_database, account, current, new, at=now, origin=origin, keep=token
        )

    try:
        await console.logins.run(origin, change)
    except (LoginRefusedError, ProvisioningError) as error:
        message = message_of(request, error, account)
        wrong = "current" if isinstance(error, LoginRefusedError) else error.field or "new"
        return page(
            request, "password.html", account, status=status_of(error), message=message, wrong=wrong,
            shortest=SHORTEST, longest=LONGEST,
        )  # fmt: skip
    return RedirectResponse("/" if account.must_change_password else "/account", 303)
