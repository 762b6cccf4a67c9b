"""Glucose as Nightscout's clients send and read it: ``/api/v1/entries`` and ``/api/v1/status.json``."""

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated, Any, LiteralString

import msgspec
import psycopg
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from care_network.access.machine_tokens import MachineScope
from exchange.fhir.search import at_of, us_of
from exchange.intake.fhir_write import count
from exchange.intake.reading import Measured, Refused, accepted, checked
from exchange.intake.storing import Intake, Taken
from exchange.intake.units import glucose_mg, glucose_mmol
from exchange.shell.access import Asking, scoped_nightscout
from exchange.shell.errors import PROBLEM_JSON, ExchangeError
from exchange.shell.state import Exchange, Shared
from ingest.quarantine.refusals import Code

router = APIRouter(prefix="/api/v1", tags=["Nightscout"])
MOST_ENTRIES, DEFAULT_COUNT, MOST = 2000, 10, 10_000
_FIND = re.compile(r"^find\[(date|dateString|type)\](?:\[\$(gte|gt|lte|lt|eq)\])?\Z")
_KNOWN = "count, patient, find[type], find[date], find[dateString], find[date][$gte] ($gt, $lte, $lt)"
ENTRY = {
    "_id": "6f1d2c3b4a5968778695a4b3", "type": "sgv", "sgv": 108, "date": 1793440800000,
    "dateString": "2026-10-31T02:00:00.000Z", "device": "hospital", "utcOffset": 480,
}  # fmt: skip
_PROBLEM: dict[int | str, dict[str, Any]] = {
    status: {
        "description": words,
        "content": {
            PROBLEM_JSON: {"example": {"type": "about:blank", "title": title, "status": status, "detail": words}}
        },
    }
    for status, title, words in (
        (400, "Bad Request", "count is a number from 1 to 10,000"),
        (401, "Unauthorized", "this token is unknown, revoked or expired"),
        (403, "Forbidden", "this token lacks the scope entries.read"),
        (422, "Unprocessable Content", "name the resident: ?patient=R0007"),
        (429, "Too Many Requests", "too many requests: wait 3 s"),
    )
}
_ENTRIES: LiteralString = """
    SELECT r.time, r.value, d.name FROM exchange_residents(%(token)s) p
    JOIN gateway g ON g.household_id = p.household_id
    JOIN device d ON d.gateway_id = g.id AND d.resident_id = p.resident_id
    JOIN series s ON s.device_id = d.id AND s.channel = 'glucose'
    CROSS JOIN LATERAL (
        SELECT time, value FROM newest_readings(s.id, %(since)s, %(until)s, %(limit)s)) r
    WHERE p.resident_id = %(resident)s ORDER BY r.time DESC LIMIT %(limit)s
"""
Who = Annotated[str | None, Query(description="the resident's code, where the token may see several")]


_STATUS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "of the server",
        "content": {"application/json": {"example": {"status": "ok", "name": "Shouwang", "apiEnabled": True}}},
    }
}


@router.get("/status.json", responses=_STATUS)
@router.get("/status", responses=_STATUS)
def status() -> dict[str, Any]:
    """That this door is open; nobody's data."""
    return {
        "status": "ok", "name": "Shouwang", "version": "15.0.0", "apiEnabled": True, "careportalEnabled": False,
        "serverTime": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "settings": {"units": "mg/dl", "timeFormat": 24, "language": "zh_cn"},
    }  # fmt: skip


_GET: dict[int | str, dict[str, Any]] = {
    200: {"description": "the newest first", "content": {"application/json": {"example": [ENTRY]}}}, **_PROBLEM
}  # fmt: skip


@router.get("/entries", responses=_GET)
@router.get("/entries.json", responses=_GET)
@router.get("/entries/sgv", responses=_GET)
@router.get("/entries/sgv.json", responses=_GET)
@router.get("/entries/current", responses=_GET)
@router.get("/entries/current.json", responses=_GET)
def entries(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped_nightscout(MachineScope.ENTRIES_READ)],
    count: Annotated[str | None, Query(description="10 by default, 10,000 at most")] = None, patient: Who = None,
) -> Response:  # fmt: skip
    """Glucose of the resident, in mg/dL; ``find[date][$gte]`` and its like bound it."""
    limit = 1 if "/current" in request.url.path else _count(count)
    if any(name.startswith("find[type]") and text != "sgv" for name, text in request.query_params.multi_items()):
        limit = 0  # other sorts of entries are not kept
    since, until = _bounds(request.query_params.multi_items())
    with exchange.database(asking.shown) as conn:
        who = resident_of(conn, asking, patient)
        asked = {"token": asking.machine.token_id, "resident": who[0], "since": since, "until": until, "limit": limit}
        rows = conn.execute(_ENTRIES, asked).fetchall()
        asking.seen(conn, [who[0]], len(rows))
    found = [
        {
            "_id": name_of(who[0], us_of(at)), "type": "sgv", "sgv": glucose_mg(value), "date": us_of(at) // 1000,
            "dateString": at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "device": device, "utcOffset": 480,
        }
        for at, value, device in rows
    ]  # fmt: skip
    return Response(msgspec.json.encode(found), media_type="application/json")


_POST: dict[str, Any] = {
    "responses": {
        200: {"description": "what is stored now", "content": {"application/json": {"example": [ENTRY]}}}, **_PROBLEM,
    },
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"type": "array", "items": {"type": "object"}},
                    "example": [{"type": "sgv", "sgv": 108, "date": 1793440800000, "device": "xDrip"}],
                }
            },
        }
    },
}  # fmt: skip


@router.post("/entries", **_POST)
@router.post("/entries.json", **_POST)
async def add_entries(
    request: Request, exchange: Shared, asking: Annotated[Asking, scoped_nightscout(MachineScope.ENTRIES_WRITE)],
    patient: Who = None,
) -> Response:  # fmt: skip
    """Take glucose in mg/dL; what was taken before is answered as such, what cannot be taken goes to the quarantine."""
    items = _parsed(await request.body())
    found = await run_in_threadpool(_take, exchange, asking, items, patient)
    return Response(msgspec.json.encode(found), media_type="application/json")


def resident_of(conn: psycopg.Connection[Any], asking: Asking, patient: str | None) -> tuple[int, str]:
    """(row, code) of the resident: of that code, or the only one that the token may see. Raises ExchangeError."""
    rows: list[tuple[int, str]] = conn.execute(
        "SELECT r.id, r.code FROM exchange_residents(%s) p JOIN resident r ON r.id = p.resident_id"
        " WHERE %s::text IS NULL OR r.code = %s LIMIT 2",
        (asking.machine.token_id, patient, patient),
    ).fetchall()
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise ExchangeError(
            422,
            en="this token may see several residents: add ?patient=CODE",
            zh="此令牌可见多位老人，请加参数 ?patient=编号",
        )
    raise ExchangeError(
        422,
        en="there is no such resident, or none has agreed to this system",
        zh="没有此老人，或没有老人授权此系统",
    )


def name_of(resident: int, us: int) -> str:
    """An entry's ``_id``: 24 hexadecimal digits, the same for the same moment."""
    return hashlib.sha256(f"{resident} {us}".encode()).hexdigest()[:24]


def _take(exchange: Exchange, asking: Asking, items: Sequence[Any], patient: str | None) -> list[dict[str, Any]]:
    machine = asking.machine
    with exchange.database(asking.shown) as conn:
        number, _ = resident_of(conn, asking, patient)
        now = dt.datetime.now(dt.UTC)
        intake = Intake(conn, machine.token_id, machine.account.id, machine.account.login, now)
        found: list[dict[str, Any]] = []
        taken: list[Taken] = []
        refusals: list[Refused] = []
        for item in items:
            try:
                measured = _measured(item, number, intake.now_us)
                if measured is None:
                    continue
                taken.append(intake.take([measured]))
                found.append({**item, "_id": name_of(number, measured.time_us)})
            except Refused as refused:
                refusals.append(refused)
                intake.refuse(refused, msgspec.json.encode(item))
        intake.finish(exchange.quarantine)
        asking.seen(
            conn, {one.resident_id for one in taken}, len(taken), written=True, what={"refused": len(intake.refusals)}
        )
    exchange.written()
    count(taken, len(intake.refusals))
    if refusals and not taken:
        raise ExchangeError(
            422, en=f"not taken, it lies in the quarantine: {refusals[0].en}",
            zh=f"未采用，已进入待查数据：{refusals[0].zh}",
        )  # fmt: skip
    return found


def _measured(item: Any, resident: int, now_us: int) -> Measured | None:
    """The reading of an entry; None for another sort of entry (a calibration), which is left aside. Raises Refused."""
    if not isinstance(item, dict):
        raise Refused(Code.NOT_A_READING, "条目不是对象", "an entry is an object")
    if item.get("type", "sgv") != "sgv":
        return None
    value, date = item.get("sgv"), item.get("date")
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise Refused(Code.NOT_A_READING, "sgv 缺失或有误", "sgv is missing, or no number")
    if isinstance(date, bool) or not isinstance(date, int | float) or not abs(date) < 1e14:
        raise Refused(Code.NOT_A_READING, "date 须为 1970 年以来的毫秒数", "date has to be in ms since 1970")
    mmol = checked("glucose", glucose_mmol(Fraction(str(value))))
    time_us = accepted(int(date) * 1000, now_us)
    return Measured(patient=f"Patient/{resident}", channel="glucose", time_us=time_us, value=mmol)


def _parsed(body: bytes) -> list[Any]:
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExchangeError(400, en=f"this is no JSON: {str(error)[:200]}", zh="请求内容不是有效的 JSON") from error
    items = found if isinstance(found, list) else [found]
    if len(items) > MOST_ENTRIES:
        raise ExchangeError(413, en=f"{MOST_ENTRIES} entries at most", zh=f"一次最多 {MOST_ENTRIES} 条")
    return items


def _count(text: str | None) -> int:
    if text is None:
        return DEFAULT_COUNT
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text[:9]) <= MOST:
        raise ExchangeError(400, en="count is a number from 1 to 10,000", zh="count 须为 1 至 10000 的整数")
    return int(text)


def _bounds(pairs: Sequence[tuple[str, str]]) -> tuple[dt.datetime, dt.datetime]:
    since_us, until_us = 0, 4 * 10**15
    for name, text in pairs:
        match = _FIND.match(name)
        if match is None:
            if name in ("count", "patient", "token", "secret", "now", "rr", "_", "t"):
                continue
            raise ExchangeError(
                400,
                en=f"the parameter {name[:40]!r} is not supported; these are: {_KNOWN}",
                zh=f"不支持参数 {name[:40]!r}；支持的参数：{_KNOWN}",
            )
        if match[1] == "type":
            continue
        us = _moment(match[1], text)
        kind = match[2] or "eq"
        if kind in ("gte", "gt", "eq"):
            since_us = max(since_us, us + (1 if kind == "gt" else 0))
        if kind in ("lte", "lt", "eq"):
            until_us = min(until_us, us + (0 if kind == "lt" else 1))
    return at_of(since_us), at_of(until_us)


def _moment(name: str, text: str) -> int:
    try:
        if name == "date":
            us = int(text) * 1000
        else:
            at = dt.datetime.fromisoformat(text.replace(" ", "+"))
            us = us_of(at if at.tzinfo else at.replace(tzinfo=dt.UTC))
    except (ValueError, OverflowError) as error:
        raise ExchangeError(400, en=f"{text[:40]!r} is no moment", zh=f"{text[:40]!r} 不是时间") from error
    return min(max(us, 0), 4 * 10**15)
