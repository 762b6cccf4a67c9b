"""The platform's data in five classes, made from the schema, and the map of five in one."""

import datetime as dt

from fastapi import Request
from fastapi.routing import iter_route_contexts
from starlette.responses import Response
from starlette.routing import compile_path

from care_network.access.accounts import Account
from care_network.access.permissions import Action, may_do
from care_services.registers.data import counts as five_counts
from care_services.registers.data.classes import CLASSES, SERVICE_WORDS, data_map, groups
from care_services.registers.data.five import SIDES
from care_services.registers.data.lineage import feeds, lineage
from console.pages.care.frame import care_page
from console.shell.security import CurrentAccount, Needs, needs
from console.shell.state import Shared
from console.shell.text import page_router
from database.rights.words import words_of

router = page_router()
ERASURE_WORDS = {
    "erase": ("删除", "erased"), "anonymise": ("去标识", "made nobody's"), "keep": ("依法留存", "kept as law asks"),
}  # fmt: skip


def _opens(request: Request, account: Account, address: str) -> bool:
    """Whether the account may open a page, by the permission that its route asks for."""
    known = request.app.state.__dict__.setdefault("page_needs", {})
    if address not in known:
        known[address] = _asked(request, address)
    asked = known[address]
    return asked is not None and all(any(may_do(account, action) for action in one) for one in asked)


def _asked(request: Request, address: str) -> list[tuple[Action, ...]] | None:
    """The permissions of the route of an address, each as alternatives; None where there is no such page."""
    for route in iter_route_contexts(request.app.routes):
        dependant = getattr(route, "dependant", None)
        if dependant is None or "GET" not in (route.methods or ()):
            continue
        if compile_path(str(route.path))[0].match(address):
            return [one.call.actions for one in dependant.dependencies if isinstance(one.call, Needs)]
    return None


@router.get("/care/data", dependencies=[needs(Action.MANAGE_REGISTERS, Action.VIEW_CARE, Action.VIEW_PRIVACY)])
def data_page(request: Request, console: Shared, account: CurrentAccount, show: str = "") -> Response:
    """Each table with class, owner, retention, source, readers and rows; five in one above it."""
    mine = [one.address for side in SIDES for one in side.doings if _opens(request, account, one.address)]
    with console.database() as conn:
        found = data_map(conn, account)
        counted_at, counts = five_counts.counted(conn, account, mine, dt.datetime.now(dt.UTC))
    chosen = show if show in CLASSES else ""
    parts = [
        (group, [one for one in found.tables if one.group == group])
        for group in groups()
        if not chosen or group.class_ == chosen
    ]
    totals = {code: sum(one.group is not None and one.group.class_ == code for one in found.tables) for code in CLASSES}
    return care_page(
        request, "register-data.html", account, parts=parts, classes=CLASSES, totals=totals, show=chosen,
        erasures=ERASURE_WORDS, sides=SIDES, opens=lambda address: _opens(request, account, address),
        since=found.since, services=SERVICE_WORDS, tables=len(found.tables),
        counted_at=counted_at, counts=counts, words_of=words_of, lines_of=lineage(), feeds=feeds,
        nobodys=[one.name for one in found.tables if one.group is None],
    )  # fmt: skip
