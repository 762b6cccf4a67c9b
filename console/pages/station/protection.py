"""The protection picture: totals down the five levels, the residents of a place, one resident, and its history."""

import csv
import datetime as dt
import io
from typing import Annotated, Any

import psycopg
from fastapi import HTTPException, Query, Request
from starlette.responses import Response

from care_network.access import permissions
from care_network.access.accounts import Account
from care_network.access.permissions import Action
from care_network.errors import ProvisioningError
from care_network.protection import history, picture
from care_network.protection.functions import LEVELS, WORDS, Function, Level
from care_network.protection.reasons import words_of
from console.access.residents import load_resident
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, needs, origin_of
from console.shell.state import Shared
from console.shell.text import page_router
from console.shell.views import language_of, page
from vocabulary.times import SHANGHAI

router = page_router()
MOST_LINES = 500
"""Lines of the history's page; the file has all."""
Area = Annotated[str, Query(max_length=200)]
PageNumber = Annotated[int, Query(ge=1, le=10_000)]


@router.get("/protection", dependencies=[needs(Action.VIEW_NETWORK)])
def protection_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    area: Area = "",
    function: Function | None = None,
    level: Annotated[int | None, Query(ge=0, le=3)] = None,
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    """Totals of an area and those below it; its residents in a compound, or those of a level in a function."""
    now = dt.datetime.now(dt.UTC)
    wanted = None if level is None or function is None else Level(level)
    with console.database() as conn:
        under = below(conn, account, area)
        whole, parts = picture.totals(conn, under, now)
        lines: list[picture.Line] = []
        found = 0
        if wanted is not None or not parts:
            lines, found = picture.matrix(conn, under, now, function if wanted is not None else None, wanted, number)
        seen = picture.look(conn, now)
        above = areas_above(conn, account, under)
    return page(
        request, "protection.html", account, whole=whole, parts=parts, lines=lines, found=found, look=seen, above=above,
        function=function if wanted is not None else None, level=wanted, number=number,
        pages=max(1, -(-found // picture.PAGE)), **words(now),
    )  # fmt: skip


@router.get("/residents/{code}/protection", dependencies=[needs(Action.VIEW_RESIDENT)])
def resident_protection(request: Request, console: Shared, account: CurrentAccount, code: str) -> Response:
    """The seven cells of one resident, judged now: a part of the resident's page."""
    now = dt.datetime.now(dt.UTC)
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_protection", origin_of(request))
        cells = picture.of_resident(conn, resident["id"], now)
    return page(request, "_protection.html", account, cells=cells, resident=resident, at=now, **words(now))


@router.get("/protection/history", dependencies=[needs(Action.VIEW_NETWORK)])
def history_page(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    area: Area = "",
    function: Function = Function.FALL,
    month: str = "",
) -> Response:
    """Show who was blind for how long in a month; this one if none is named."""
    now = dt.datetime.now(dt.UTC)
    since, until = span(month, now)
    with console.database() as conn:
        under = below(conn, account, area)
        lines = history.course(conn, under, since, min(until, now), function)
        above = areas_above(conn, account, under)
        checked = bool(lines) or history.looked_before(conn, until)
    return page(
        request, "protection_history.html", account, checked=checked, lines=lines[:MOST_LINES], found=len(lines),
        since=since, length_s=(min(until, now) - since).total_seconds(),
        month=f"{since.astimezone(SHANGHAI):%Y-%m}", above=above, function=function, area=under,
        span_words=lambda s: pick(language_of(request, account), *lasting(s)), **words(now),
    )  # fmt: skip


@router.get("/protection/history.csv", dependencies=[needs(Action.VIEW_NETWORK)])
def history_file(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    area: Area = "",
    function: Function | None = None,
    month: str = "",
) -> Response:
    """The same as a file for spreadsheets, with every line."""
    now = dt.datetime.now(dt.UTC)
    since, until = span(month, now)
    with console.database() as conn:
        lines = history.course(conn, below(conn, account, area), since, min(until, now), function)
    language = language_of(request, account)
    file = io.StringIO()
    writer = csv.writer(file)
    heads = [("编号", "code"), ("老人", "resident"), ("小区", "compound"), ("守护项", "function")]
    heads += [(f"{zh}（分钟）", f"{en} (minutes)") for zh, en in LEVELS.values()] + [("失去守护次数", "times blind")]
    writer.writerow([pick(language, *head) for head in heads])
    for one in lines:
        writer.writerow([
            one.code, safe(pick(language, one.name_zh, one.name_en)), safe(pick(language, one.area_zh, one.area_en)),
            pick(language, *WORDS[one.function]), *[round(seconds / 60, 1) for seconds in one.seconds], one.times_blind,
        ])  # fmt: skip
    name = f"protection-{since.astimezone(SHANGHAI):%Y-%m}.csv"
    return Response(
        "\ufeff" + file.getvalue(), media_type="text/csv; charset=utf-8",  # spreadsheets know UTF-8 by the mark
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def words(now: dt.datetime) -> dict[str, Any]:
    """The words of the picture for a template."""
    return {
        "functions": WORDS, "levels": LEVELS, "Level": Level, "reason_words": lambda reason: words_of(reason, now)
    }  # fmt: skip


def below(conn: psycopg.Connection[Any], account: Account, area: str) -> str:
    """The area asked for, or the account's own. Raises 404 for one that is not within it, or is none."""
    own = account.area_path or ""
    wanted = area or own
    there = conn.execute("SELECT FROM area WHERE path::text = %s", (wanted,)).fetchone()
    if there is None or not permissions.in_area(account, wanted):
        raise HTTPException(404)
    return wanted


def areas_above(conn: psycopg.Connection[Any], account: Account, under: str) -> list[tuple[str, str, str]]:
    """(path, names) of the areas from the account's own down to this one."""
    return conn.execute(
        "SELECT path::text, name_zh, name_en FROM area WHERE path @> %s::ltree AND path <@ %s::ltree ORDER BY path",
        (under, account.area_path),
    ).fetchall()


def span(month: str, now: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """The month 'YYYY-MM' in Shanghai, from its first moment to that of the next. Raises 422 for no month."""
    try:
        return history.month_of(month, now)
    except ProvisioningError as error:
        raise HTTPException(422, error.message_en) from error


def lasting(seconds: float) -> tuple[str, str]:
    """A length of time in words, to the minute."""
    minutes = round(seconds / 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "天", "d"), (hours, "小时", "h"), (rest, "分钟", "min")]
    shown = [part for part in parts if part[0]][:2]
    if not shown:
        return ("—", "—") if seconds < 1 else ("不足 1 分钟", "under 1 min")
    return " ".join(f"{n} {zh}" for n, zh, _ in shown), " ".join(f"{n} {en}" for n, _, en in shown)


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
