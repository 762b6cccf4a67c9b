"""One threshold at a place: what it watches, where its value comes from, whom another one would concern, a preview."""

import datetime as dt
import weakref
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from alerting.preview import keeping
from alerting.preview.jobs import Previews
from alerting.preview.keeping import DAYS, SAMPLE
from alerting.tuning import effect, sheet
from alerting.tuning.catalogue import SCOPES, catalogue
from alerting.tuning.groups import about, group_of, heading_of
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router

router = page_router()
LOOK = needs(Action.VIEW_LIMITS)
SET = needs(Action.SET_LIMITS, Action.SET_HOME_LIMITS, Action.SET_DISTRICT_LIMITS)
_PREVIEWS: weakref.WeakKeyDictionary[Console, Previews] = weakref.WeakKeyDictionary()


@router.get("/parameter/{name}", dependencies=[LOOK])
def one_page(
    request: Request, console: Shared, account: CurrentAccount, name: str, scope: str = "district", key: str = "",
    value: str | None = None, reason: str = "",
) -> Response:  # fmt: skip
    """Show one threshold at a place; with a value, what it would change."""
    error: ProvisioningError | None = None
    number: float | None = None
    asked = value is not None
    try:
        number = number_of(value or "")
    except ProvisioningError as wrong:
        error, asked = wrong, False
    with console.database() as conn:
        now, origin = dt.datetime.now(dt.UTC), origin_of(request)
        look = effect.outlook(conn, account, scope, key, name, number, asked=asked, at=now, origin=origin)
        undoable = sheet.undoable(conn, account, look.target.place, now)
        tried = keeping.latest(conn, account, name)
    error = error or look.problem
    group = group_of(name)
    return admin_page(
        request, "parameter.html", account, status_of(error) if error else 200, look=look, p=look.parameter,
        heading=heading_of(group), about=about(group), scopes=SCOPES, scope=scope, key=key, value=value,
        reason=reason[:500], message=message_of(request, error, account) if error else "", undoable=undoable,
        known=catalogue(), days=DAYS, sample=SAMPLE, here="/parameters", back=place_address(scope, key),
        tried=tried,
    )  # fmt: skip


@router.get("/parameter-presets/{name}", dependencies=[LOOK])
def preset_page(request: Request, console: Shared, account: CurrentAccount, name: str, resident: str) -> Response:
    """Show all that a preset by condition changes for a resident, before it is put in force or withdrawn."""
    with console.database() as conn:
        look = effect.preset_outlook(conn, account, resident, name, dt.datetime.now(dt.UTC), origin_of(request))
    return admin_page(
        request, "preset.html", account, look=look, resident=resident, scopes=SCOPES, here="/parameters",
        back=place_address("resident", resident),
    )  # fmt: skip


@router.post("/parameters/undo", dependencies=[SET])
def undo(
    request: Request, console: Shared, account: CurrentAccount, number: Annotated[int, Form()],
    scope: Annotated[str, Form(max_length=20)] = "district", key: Annotated[str, Form(max_length=80)] = "",
) -> Response:  # fmt: skip
    """Take one's own change back, within 30 s."""
    with console.database() as conn:
        sheet.undo(conn, account, scope, key, number, dt.datetime.now(dt.UTC), origin_of(request))
    return RedirectResponse(place_address(scope, key), 303)


@router.post("/parameters/preview", dependencies=[SET])
def begin_preview(
    request: Request, console: Shared, account: CurrentAccount, name: Annotated[str, Form(max_length=80)],
    value: Annotated[str, Form(max_length=40)], scope: Annotated[str, Form(max_length=20)] = "district",
    key: Annotated[str, Form(max_length=80)] = "",
) -> Response:  # fmt: skip
    """Begin a replay of the last 14 days with this value; the page that follows shows its progress."""
    try:
        number = number_of(value)
        if number is None:
            raise ProvisioningError(en="write a value to try", zh="请填写要试的数值", field="value")
        preview = previews_of(console).begin(
            console.database, account, scope, key, name, number, dt.datetime.now(dt.UTC), origin_of(request)
        )
    except ProvisioningError as error:
        return admin_page(
            request, "preview.html", account, status_of(error), preview=None, here="/parameters",
            message=message_of(request, error, account), back=place_address(scope, key),
        )  # fmt: skip
    return RedirectResponse(f"/parameter-previews/{preview}", 303)


@router.get("/parameter-previews/{number}", dependencies=[SET])
def preview_page(request: Request, console: Shared, account: CurrentAccount, number: str) -> Response:
    """Show a preview: how far it is, and what came of it."""
    with console.database() as conn:
        preview = previews_of(console).get(conn, account, number)
    again: dict[str, Any] = {"scope": preview.scope, "key": preview.key, "value": preview.value}
    return admin_page(
        request, "preview.html", account, preview=preview, p=catalogue()[preview.name], message="", days=DAYS,
        whole=preview.for_all(), here="/parameters", back=f"/parameter/{preview.name}?{urlencode(again)}",
    )  # fmt: skip


def previews_of(console: Console) -> Previews:
    """The previews of one console process."""
    return _PREVIEWS.setdefault(console, Previews())


def place_address(scope: str, key: str) -> str:
    """The page of all thresholds of a place."""
    return "/parameters" if scope == "district" else f"/parameters/{scope}/{key}"


def number_of(text: str) -> float | None:
    """A number; None for nothing. Raises ProvisioningError."""
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise ProvisioningError(en=f"{text[:40]!r} is no number", zh=f"{text[:40]} 不是数字", field="value") from None
