"""The family circle of a parent: who sees what and why, and the ways out of it, each asked twice."""

import datetime as dt
from typing import Any

from fastapi import Request
from starlette.responses import RedirectResponse, Response

from care_network.access.auditing.looks import lookers
from care_network.access.permissions import ROLES_ZH, Action, Role
from console.access.residents import load_resident
from console.pages.home.family import type_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from dispatch.family import circle

router = page_router()


@router.get("/family/{code}/circle", dependencies=[needs(Action.FAMILY_CIRCLE)])
def circle_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_circle", origin_of(request))
        people = circle.members(conn, account, resident["id"])
        mine = circle.mine(conn, account, resident["id"])
        seen = lookers(conn, account, resident["id"], dt.datetime.now(dt.UTC))
    return page(
        request, "circle.html", account, resident=resident, people=people, mine=mine, type=type_of(request), ask="",
        seen=seen, role_word=lambda role: pick(language_of(request, account), ROLES_ZH[Role(role)], role),
    )  # fmt: skip


@router.get("/family/{code}/leave", dependencies=[needs(Action.FAMILY_CIRCLE)])
def ask_to_leave(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    return _ask(request, console, account, code, "leave")


@router.post("/family/{code}/leave", dependencies=[needs(Action.FAMILY_CIRCLE)])
def leave(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Leave: the resident is seen no more from now on."""
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_circle", origin_of(request))
        circle.leave(conn, account, resident["id"], dt.datetime.now(dt.UTC), origin_of(request))
    return RedirectResponse("/family", 303)


@router.get("/family/{code}/stop-calls", dependencies=[needs(Action.FAMILY_CIRCLE)])
def ask_to_stop_calls(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    return _ask(request, console, account, code, "stop")


@router.post("/family/{code}/stop-calls", dependencies=[needs(Action.FAMILY_CIRCLE)])
def stop_calls(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """Take back the agreement to be called."""
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_circle", origin_of(request))
        circle.stop_calls(conn, account, resident["id"], dt.datetime.now(dt.UTC), origin_of(request))
    return RedirectResponse(f"/family/{code}/circle", 303)


def _ask(request: Request, console: Any, account: CurrentAccount, code: str, what: str) -> Response:
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_circle", origin_of(request))
        mine = circle.mine(conn, account, resident["id"])
    return page(
        request, "circle.html", account, resident=resident, people=[], mine=mine, type=type_of(request), ask=what
    )
