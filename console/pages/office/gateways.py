"""The list behind the banner of blindness: homes by the state of their gateways, those that are not seen first."""

from typing import Annotated, Literal

from fastapi import Query, Request
from starlette.responses import Response

from care_network.access.permissions import Action
from console.access import homes as seen
from console.shell.security import CurrentAccount, needs
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import page

router = page_router()


@router.get("/gateways", dependencies=[needs(Action.VIEW_NETWORK)])
def gateways_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    state: Annotated[Literal["dark", "all"], Query()] = "dark",
) -> Response:
    """``dark``: homes that nobody sees now; ``all``: those that are seen, too."""
    with console.database() as conn:
        homes = seen.homes_of(conn, account, dark=state == "dark")
    counts = {"dark": homes.dark, "all": homes.all}
    return page(
        request, "gateways.html", account, homes=homes.lines, chosen=state, counts=counts, limit=seen.MOST
    )  # fmt: skip
