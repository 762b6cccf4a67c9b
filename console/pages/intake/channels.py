"""The channels of messages: what they are, how they do, and a test message to oneself."""

import datetime as dt
from typing import Annotated

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from dispatch.channels.upkeep import figures, kinds, trials

router = page_router()
SET = needs(Action.SET_CHANNELS)


@router.get("/channels", dependencies=[SET])
def channels_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _show(request, console, account)


@router.post("/channels/test", dependencies=[SET])
def send_test(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    channel: Annotated[str, Form(max_length=80)] = "",
    address: Annotated[str, Form(max_length=200)] = "",
    confirmed: bool = Form(default=False),
) -> Response:
    """Send a test message; the page follows it."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            trials.ask(
                conn, account, console.channels, channel, address, confirmed=confirmed, now=now,
                origin=origin_of(request),
            )  # fmt: skip
    except ProvisioningError as error:
        return _show(request, console, account, error, {"channel": channel, "address": address})
    return RedirectResponse("/channels#tests", 303)


def _show(
    request: Request,
    console: Console,
    account: Account,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:
    now = dt.datetime.now(dt.UTC)
    facts = console.channels.channels
    with console.database() as conn:
        used = figures.load(conn, [one.name for one in facts], now)
        tests = trials.latest(conn, account)
        own = {one.name: trials.own_address(conn, account, one) for one in facts}
    steps = [(one, one.step(now)) for one in tests]
    return admin_page(
        request, "channels.html", account, status_of(error) if error else 200,
        channels=[(one, used.get(one.name, figures.NOTHING)) for one in facts], adapters=kinds.WORDS, tests=steps,
        busy=any(step in ("queued", "under way") or (step == "sent" and one.awaits_receipt) for one, step in steps),
        words={one.name: (one.zh, one.en) for one in facts}, own=own, filled=filled or {},
        promises={one.name: bool(one.receipt_s) for one in facts},
        wrong={error.field or "": message_of(request, error, account)} if error else {},
    )  # fmt: skip
