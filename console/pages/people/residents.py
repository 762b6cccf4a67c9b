"""The list of residents, and one resident's page: newest values, charts, devices, alerts. Each look is audited."""

import datetime as dt

import psycopg
from fastapi import APIRouter, Request
from starlette.responses import Response

from care_network.access import permissions
from care_network.access.permissions import Action
from care_network.catalogues.ability import GRADES
from care_network.records import residents, vitals
from console.access.residents import load_resident
from console.board.board import notice_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.views import page
from dispatch.alerts import lifecycle

router = APIRouter()


@router.get("/residents", dependencies=[needs(Action.VIEW_RESIDENT)])
def residents_page(request: Request, console: Shared, account: CurrentAccount, q: str = "") -> Response:
    """The residents of the account's area; ``q``: words to look for."""
    with console.database() as conn:
        visible = permissions.visible_residents(conn, account)
        rows = residents.search(conn, visible, q)
    return page(request, "residents.html", account, residents=rows, q=q, total=len(visible))


@router.get("/residents/{code}", dependencies=[needs(Action.VIEW_RESIDENT)])
def resident_page(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_resident", origin_of(request))
        newest = vitals.newest(conn, resident["id"])
        devices = vitals.devices(conn, resident["id"])
        presence = vitals.presence(conn, resident["id"])
        alerts = [notice_of(row) for row in lifecycle.of_resident(conn, resident["id"], 20)]
    return page(
        request, "resident.html", account, resident=resident, charts=vitals.CHARTED, grades=GRADES, newest=newest,
        devices=devices, presence=presence, alerts=alerts,
    )  # fmt: skip


@router.get("/residents/{code}/file", dependencies=[needs(Action.VIEW_NETWORK)])
def resident_file(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """The person's file alone, for a page that is open to put in place again and again: one look in five minutes."""
    now = dt.datetime.now(dt.UTC)
    look = (account.id, request.url.path, "")
    new = console.looks.is_new(look, now)
    with console.database() as conn:
        try:
            load_resident(conn, account, code, "view_resident", origin_of(request), audited=new)
        except psycopg.Error:
            console.looks.forget(look)  # it could not be recorded
            raise
        file = residents.file_of(conn, code, now)
    return page(request, "_file.html", account, file=file)
