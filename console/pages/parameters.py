"""Parameters of the detectors and pauses of a home: pages to look at them and to change them, with a reason."""

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from alerting.tuning import pauses
from alerting.tuning import sheet as tuning
from alerting.tuning.catalogue import SCOPES
from care_network.access.accounts import Account
from care_network.catalogues.ability import GRADES
from care_network.errors import ChangedMeanwhileError, NotFoundError, NotPermittedError, ProvisioningError
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, origin_of
from console.shell.state import Console, console_of
from console.shell.views import language_of, page

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]
Reason = Annotated[str, Form(max_length=2000)]


@router.get("/parameters")
def district_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _sheet(request, console, account, "district", "")


@router.get("/parameters/{scope}/{key}")
def sheet_page(request: Request, console: Shared, account: CurrentAccount, scope: str, key: str) -> Response:
    return _sheet(request, console, account, scope, key)


@router.post("/parameters")
@router.post("/parameters/{scope}/{key}")
def change(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    name: Annotated[str, Form()],
    reason: Reason,
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


@router.get("/pauses/{household}")
def pauses_page(request: Request, console: Shared, account: CurrentAccount, household: str) -> Response:
    return _pauses(request, console, account, household)


@router.post("/pauses/{household}")
def begin_pause(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    household: str,
    kind: Annotated[str, Form()],
    hours: Annotated[float, Form(gt=0, le=1000)],
    reason: Reason,
    device: Annotated[str, Form()] = "",
) -> Response:
    try:
        with console.database() as conn:
            now, origin = dt.datetime.now(dt.UTC), origin_of(request)
            pauses.begin(conn, account, household, kind, dt.timedelta(hours=hours), reason, now, origin, device)
    except ProvisioningError as error:
        return _pauses(request, console, account, household, error)
    return RedirectResponse(f"/pauses/{household}", 303)


@router.post("/pauses/{household}/{number}/end")
def end_pause(request: Request, console: Shared, account: CurrentAccount, household: str, number: int) -> Response:
    try:
        with console.database() as conn:
            pauses.end(conn, account, number, dt.datetime.now(dt.UTC), origin_of(request))
    except ProvisioningError as error:
        return _pauses(request, console, account, household, error)
    return RedirectResponse(f"/pauses/{household}", 303)


def _sheet(
    request: Request,
    console: Console,
    account: Account,
    scope: str,
    key: str,
    error: ProvisioningError | None = None,
    filled: dict[str, str] | None = None,
) -> Response:
    try:
        with console.database() as conn:
            sheet = tuning.look(conn, account, scope, key, dt.datetime.now(dt.UTC), origin_of(request))
    except (NotFoundError, NotPermittedError) as refusal:
        raise HTTPException(_status(refusal)) from refusal
    around = {"grade": sheet.target.around[0], "household": sheet.target.household}
    return page(
        request, "parameters.html", account, _status(error), sheet=sheet, scopes=SCOPES, grades=GRADES, around=around,
        message=_message(request, account, error), filled=filled or {},
    )  # fmt: skip


def _pauses(
    request: Request, console: Console, account: Account, household: str, error: ProvisioningError | None = None
) -> Response:
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            entries = pauses.listing(conn, account, now, household)
            devices = pauses.devices(conn, account, household)
    except (NotFoundError, NotPermittedError) as refusal:
        raise HTTPException(_status(refusal)) from refusal
    longest: dict[str, Any] = {kind: length.total_seconds() / 3600 for kind, length in pauses.LONGEST.items()}
    return page(
        request, "pauses.html", account, _status(error), household=household, entries=entries, devices=devices,
        running=pauses.covering(entries, now), words=pauses.WORDS, longest=longest,
        message=_message(request, account, error),
    )  # fmt: skip


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise ProvisioningError(en=f"{text[:40]!r} is no number", zh=f"{text[:40]} 不是数字", field="value") from None


def _status(error: ProvisioningError | None) -> int:
    for kind, status in ((NotPermittedError, 403), (NotFoundError, 404), (ChangedMeanwhileError, 409)):
        if isinstance(error, kind):
            return status
    return 200 if error is None else 422


def _message(request: Request, account: Account, error: ProvisioningError | None) -> str:
    return "" if error is None else pick(language_of(request, account), error.message_zh, error.message_en)
