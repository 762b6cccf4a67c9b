"""Parameters of the detectors: a sheet for the district, a grade, a home or a resident; each change with a reason."""

import csv
import datetime as dt
import io
import itertools
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Form, Request
from starlette.responses import RedirectResponse, Response

from alerting.tuning import sheet as tuning
from alerting.tuning.catalogue import SCOPES, catalogue
from alerting.tuning.groups import about, group_of, heading_of, place_of
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.catalogues.ability import GRADES
from care_network.errors import ProvisioningError
from care_network.records.history import past
from console.pages.admin.frame import admin_page
from console.shell.errors import message_of, status_of
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Console, Shared
from console.shell.text import page_router
from console.shell.views import language_of
from vocabulary.times import SHANGHAI

router = page_router()
EXPORTED = (
    ("name", "threshold", "value", "set by", "default", "from", "to", "unit"),
    ("名称", "阈值", "数值", "来自", "默认", "下限", "上限", "单位"),
)
"""Headings of the export in English and Chinese."""
LOOK = needs(Action.VIEW_LIMITS)
SET = needs(Action.SET_LIMITS, Action.SET_HOME_LIMITS, Action.SET_DISTRICT_LIMITS)
"""Which of these it takes depends on the scope; ``alerting.tuning.sheet`` knows."""


@router.get("/parameters", dependencies=[LOOK])
def district_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    return _sheet(request, console, account, "district", "")


@router.get("/parameter-export", dependencies=[LOOK])
def export(
    request: Request, console: Shared, account: CurrentAccount, scope: str = "district", key: str = "", as_of: str = ""
) -> Response:
    """The thresholds of a place as a table: each with its value, where that comes from, default and limits."""
    now, language = dt.datetime.now(dt.UTC), language_of(request, account)
    with console.database() as conn:
        sheet = tuning.load_sheet(conn, account, scope, key, now, origin_of(request), _moment(as_of, now))
    file = io.StringIO(newline="")
    table = csv.writer(file)
    table.writerow(EXPORTED[language == "zh"])
    for line in sheet.lines:
        one = line.parameter
        table.writerow([
            line.name, pick(language, one.zh, one.en), f"{line.value:g}", pick(language, *SCOPES[line.comes_from]),
            f"{one.default:g}", f"{one.low:g}", f"{one.high:g}", one.unit,
        ])  # fmt: skip
    name = f"thresholds-{scope}{'-' + key if key else ''}-{now.astimezone(SHANGHAI):%Y%m%d}.csv"
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(file.getvalue().encode("utf-8-sig"), media_type="text/csv; charset=utf-8", headers=headers)


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
    as_of, words = chosen.get("as_of", ""), chosen.get("q", "").strip()[:80]
    if "name" in chosen:  # of the form that chooses one: what it would change is on its own page
        name = quote(chosen.pop("name"), safe="")
        return RedirectResponse(f"/parameter/{name}?{urlencode({**chosen, 'scope': scope, 'key': key})}", 303)
    with console.database() as conn:
        now = dt.datetime.now(dt.UTC)
        moment = None
        try:
            moment = _moment(as_of, now)
        except ProvisioningError as wrong:
            error = error or wrong
        sheet = tuning.load_sheet(conn, account, scope, key, now, origin_of(request), moment)
        undoable = tuning.undoable(conn, account, sheet.target.place, now)
    found = [line for line in sheet.lines if _fits(line, words)]
    lines = sorted(found, key=lambda line: place_of(_group(line)))  # by name within, as they come
    groups = [(heading_of(group), list(some)) for group, some in itertools.groupby(lines, _group)]
    around = {"grade": sheet.target.around[0], "household": sheet.target.household}
    return admin_page(
        request, "parameters.html", account, status_of(error) if error else 200, sheet=sheet, thresholds=groups,
        known=catalogue(), scopes=SCOPES, grades=GRADES, around=around,
        message=message_of(request, error, account) if error else "", filled=filled or {}, about=about,
        undoable=undoable, here="/parameters",
        moment=moment, as_of=as_of, words=words, path=request.url.path,
    )  # fmt: skip


def _fits(line: tuning.Line, words: str) -> bool:
    """Whether every word is in the threshold's name, or in that of its group."""
    text = " ".join((line.parameter.zh, line.parameter.en, line.name, *heading_of(_group(line)))).lower()
    return all(word in text for word in words.lower().split())


def _moment(as_of: str, now: dt.datetime) -> dt.datetime | None:
    try:
        return past.moment_of(as_of, now)
    except ValueError:
        raise ProvisioningError(en="write the day as 2026-11-29", zh="日期写法如 2026-11-29", field="as_of") from None


def _group(line: tuning.Line) -> str:
    return group_of(line.name)


def _number(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        return float(text)
    except ValueError:
        raise ProvisioningError(en=f"{text[:40]!r} is no number", zh=f"{text[:40]} 不是数字", field="value") from None
