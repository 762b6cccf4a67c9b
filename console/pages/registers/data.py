"""The platform's data in five classes, made from the schema, and the map of five in one."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from care_network.access.permissions import Action
from care_services.registers.classes import CLASSES, SERVICE_WORDS, data_map, groups
from care_services.registers.five import SIDES
from console.pages.care.frame import care_page
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared

router = APIRouter()


@router.get("/care/data", dependencies=[needs(Action.MANAGE_REGISTERS, Action.VIEW_CARE)])
def data_page(request: Request, console: Shared, account: CurrentAccount, show: str = "") -> Response:
    """Each table with class, owner, retention, source, readers and rows; five in one above it."""
    with console.database() as conn:
        found = data_map(conn, account)
    chosen = show if show in CLASSES else ""
    parts = [
        (group, [one for one in found.tables if one.group == group])
        for group in groups()
        if not chosen or group.class_ == chosen
    ]
    totals = {code: sum(one.group is not None and one.group.class_ == code for one in found.tables) for code in CLASSES}
    return care_page(
        request, "register-data.html", account, parts=parts, classes=CLASSES, totals=totals, show=chosen,
        sides=SIDES,
        since=found.since, services=SERVICE_WORDS, tables=len(found.tables),
        nobodys=[one.name for one in found.tables if one.group is None],
    )  # fmt: skip
