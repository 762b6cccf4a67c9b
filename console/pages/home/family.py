"""The family's page: their own parent's newest values, alerts and visits. Each look is audited."""

import datetime as dt
from typing import Any

import psycopg
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.services import SERVICES
from care_network.records import residents, vitals
from console.access.residents import load_resident
from console.board.board import notice_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.views import page
from dispatch.alerts import lifecycle
from dispatch.family import facts
from dispatch.family.sentence import sentence
from dispatch.orders import ratings
from dispatch.orders import store as work_orders

router = APIRouter()


@router.get("/family", dependencies=[needs(Action.VIEW_RESIDENT)])
def family_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """Every parent of a family account; staff are led to the board."""
    if account.role != "family":
        return RedirectResponse("/", 303)
    with console.database() as conn:
        codes = residents.codes(conn, permissions.visible_residents(conn, account))
        parents = [_parent(conn, account, code, origin_of(request)) for code in codes]
    return page(request, "family.html", account, parents=parents, services=SERVICES, rating_words=ratings.WORDS)


def _parent(conn: psycopg.Connection[Any], account: Account, code: str, origin: str) -> dict[str, Any]:
    resident = load_resident(conn, account, code, "view_resident", origin)
    known = facts.load(conn, resident["id"], resident["household_id"], dt.datetime.now(dt.UTC))
    rows = lifecycle.of_resident(conn, resident["id"], 10)
    alerts = [notice_of(row) for row in rows if row["severity"] != "technical"]
    return {
        "resident": resident,
        "newest": vitals.newest(conn, resident["id"]),
        "presence": vitals.presence(conn, resident["id"]),
        "alerts": alerts,
        "sentence": sentence(known.facts),
        "open": known.alerts,
        "visits": work_orders.visits_to_rate(conn, resident["id"]),
    }
