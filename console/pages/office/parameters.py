"""Parameters of the detectors: a sheet for the district, a grade, a home or a resident; each change with a reason."""

import datetime as dt
import itertools
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from alerting.tuning import sheet as tuning
from alerting.tuning.catalogue import SCOPES, catalogue
from alerting.tuning.groups import about, group_of, heading_of, place_of
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.ability import GRADES
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared

router = APIRouter()
LOOK = needs(Action.VIEW_LIMITS)
SET = needs(Action.SET_LIMITS, Action.SET_HOME_LIMITS, Action.SET_DISTRICT_LIMITS)
"""Which of these it takes depends on the scope; ``alerting.tuning.sheet`` knows."""


@router.get("/parameters", dependencies=[LOOK])
def district_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _sheet(request, console, account, "district", "")


@router.get("/parameters/{scope}/{key}", dependencies=[LOOK])
def sheet_page(request: Request, console: Shared, account: CurrentAccount, scope: str, key: str) -> Response:
    return _sheet(request, console, account, scope, key)


@router.post("/parameters", dependencies=[needs(Action.SET_DISTRICT_LIMITS)])
@router.post("/parameters/{scope}/{key}", dependencies=[SET])
def change(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    name: Annotated[str, Form()],
    reason: Annotated[str, Form(max_length=2000)],
    seen: Annotated[int, Form()],
    value: Annotated[str, Form()] = "",
    scope: str = "district",
    key: str = "",
) -> Response:
    """Set a parameter; an empty value takes it back."""
    try:
        number = _number(value)
        with console.database() as conn:
            now, origin = dt.datetime.now(dt.UTC), origin_of(request)
            tuning.change(conn, account, scope, key, name, number, reason, now, origin, seen)
    except ProvisioningError as error:
        return _sheet(request, console, account, scope, key, error, {"name": name, "value": value, "reason": reason})
    return RedirectResponse(request.url.path, 303)


def _sheet(
    request: Request,
    console: Console,
    account: Account,
    scope: str,
    key: str,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:
    chosen = dict(request.query_params)
    if "name" in chosen:  # of the form that chooses one: what it would change is on its own page
        name = quote(chosen.pop("name"), safe="")
        return RedirectResponse(f"/parameter/{name}?{urlencode({**chosen, 'scope': scope, 'key': key})}", 303)
    with console.database() as conn:
        now = dt.datetime.now(dt.UTC)
        sheet = tuning.load_sheet(conn, account, scope, key, now, origin_of(request))
        undoable = tuning.undoable(conn, account, sheet.target.place, now)
    lines = sorted(sheet.lines, key=lambda line: place_of(_group(line)))  # by name within, as they come
    groups = [(heading_of(group), list(some)) for group, some in itertools.groupby(lines, _group)]
    around = {"grade": sheet.target.around[0], "household": sheet.target.household}
    return admin_page(
        request, "parameters.html", account, status_of(error) if error else 200, sheet=sheet, thresholds=groups,
        known=catalogue(), scopes=SCOPES, grades=GRADES, around=around,
        message=message_of(request, error, account) if error else "", filled=filled or {}, about=about,
        undoable=undoable, here="/parameters",
    )  # fmt: skip


def _group(line: tuning.Line) -> str:
    return group_of(line.name)


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise ProvisioningError(en=f"{text[:40]!r} is no number", zh=f"{text[:40]} 不是数字", field="value") from None
