"""One webhook: added, paused, removed; its deliveries, and what was given up, sent again."""

from typing import Annotated, Any, Literal

from fastapi import Form, Query, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import machine_tokens, webhooks
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.access.webhooks import EVENTS
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.pages.lists import LIMIT, pager_of
from console.pages.machines.machines import area_names, areas_of, now
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
KEEP = needs(Action.MANAGE_MACHINES)
Text = Annotated[str, Form(max_length=500)]
STATES = {
    "waiting": ("late", "等待发送", "waits"),
    "delivered": ("good", "已送达", "delivered"),
    "parked": ("bad", "已放弃", "given up"),
    "dropped": ("unknown", "已取消", "dropped"),
}
"""Mark, Chinese and English of each state of a delivery."""


@router.get("/machines/hooks/new", dependencies=[KEEP])
def new_hook(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The form of a webhook."""
    return _form(request, console, account, {}, None)


@router.post("/machines/hooks", dependencies=[KEEP])
def add_hook(
    request: Request, console: Shared, account: CurrentAccount, name: Text = "", login: Text = "", url: Text = "",
    events: Annotated[list[str] | None, Form()] = None, area: Text = "",
) -> Response:  # fmt: skip
    """Add a webhook and show its secret, once."""
    try:
        with console.database() as conn:
            number, secret = webhooks.add(
                conn, account, login, name, url, events or [], area, at=now(), origin=origin_of(request)
            )
    except ProvisioningError as error:
        filled = {"name": name, "login": login, "url": url, "events": events or [], "area": area}
        return _form(request, console, account, filled, error)
    return admin_page(
        request, "machine_secret.html", account, what="webhook", secret=secret, login=login, title=name, number=number
    )


@router.get("/machines/hooks/{number}", dependencies=[KEEP])
def hook_page(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
) -> Response:  # fmt: skip
    """A webhook and its newest deliveries."""
    with console.database() as conn:
        kept = webhooks.one(conn, account, number)
        rows = webhooks.deliveries(conn, account, number, after=after, limit=LIMIT + 1)
    shown = rows[:LIMIT]
    return admin_page(
        request, "machine_hook.html", account, kept=kept, rows=shown, states=STATES, events=EVENTS,
        areas=area_names(request, console, account),
        pager=pager_of(request, str(shown[-1].id) if len(rows) > LIMIT else None),
    )  # fmt: skip


@router.get("/machines/hooks/{number}/remove", dependencies=[KEEP])
def remove_page(request: Request, console: Shared, account: CurrentAccount, number: int) -> Response:
    """Name what is told no more, before it is removed."""
    with console.database() as conn:
        kept = webhooks.one(conn, account, number)
    return admin_page(request, "machine_hook_remove.html", account, kept=kept)


@router.post("/machines/hooks/{number}/{step}", dependencies=[KEEP])
def change_hook(
    request: Request, console: Shared, account: CurrentAccount, number: int,
    step: Literal["pause", "resume", "resend", "remove"],
) -> Response:  # fmt: skip
    """Let it rest, let it go on, send again what was given up, or end it."""
    at, origin = now(), origin_of(request)
    with console.database() as conn:
        if step == "resend":
            webhooks.resend(conn, account, number, at=at, origin=origin)
        elif step == "remove":
            webhooks.remove(conn, account, number, at=at, origin=origin)
        else:
            webhooks.set_paused(conn, account, number, paused=step == "pause", at=at, origin=origin)
    return RedirectResponse("/machines" if step == "remove" else f"/machines/hooks/{number}", 303)


def _form(
    request: Request, console: Console, account: Account, filled: dict[str, Any], error: ProvisioningError | None
) -> Response:
    with console.database() as conn:
        systems = machine_tokens.systems(conn, account)
    return admin_page(
        request, "machine_hook_new.html", account, status_of(error) if error else 200, filled=filled, events=EVENTS,
        systems=systems, areas=areas_of(console, account),
        wrong={error.field or "name": message_of(request, error, account)} if error else {},
    )  # fmt: skip
