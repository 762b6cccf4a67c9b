"""The same for programs: JSON, and the live sockets."""

import asyncio
import contextlib
import datetime as dt
import uuid
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import APIRouter, Depends, HTTPException, Query, Request, WebSocket, WebSocketDisconnect
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from care_network.access.permissions import Action
from care_network.errors import LoginRefusedError
from care_network.records import vitals
from console.board.board import Watcher
from console.pages.alerts import act
from console.pages.residents import authenticate, load_resident, set_cookie
from console.shell.security import CurrentAccount, LoginNeeded, origin_of, require, same_origin
from console.shell.state import Console, console_of
from console.shell.watching import watching
from dispatch.alerts import lifecycle
from dispatch.alerts.outcomes import Particulars
from dispatch.core.notice import AlertNotice
from firmware_profiles.channels import CHANNELS

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]
RECHECK_S = 15.0
"""An open socket asks so often whether its session is still good; it is also the heartbeat for the page."""


class Credentials(BaseModel):
    login: str
    password: str


class Step(BaseModel):
    """What a person does about an alert; ``version`` is the one they saw."""

    version: int
    outcome: str = ""
    cause: str = "unknown"
    injury: str = "unknown"
    hospital: str = "unknown"
    actions: list[str] = []
    note: str = ""


@router.post("/api/login")
def api_login(request: Request, console: Shared, credentials: Credentials) -> Response:
    try:
        token = authenticate(console, credentials.login, credentials.password, origin_of(request))
    except LoginRefusedError as error:
        body = {"message_zh": error.message_zh, "message_en": error.message_en, "retry_after_s": error.retry_after_s}
        headers = {"Retry-After": str(int(error.retry_after_s))} if error.retry_after_s else None
        return JSONResponse(body, 429 if error.retry_after_s else 401, headers)
    response = JSONResponse({"ok": True})
    set_cookie(response, console, token)
    return response


@router.get("/api/alerts")
def api_alerts(console: Shared, account: CurrentAccount) -> Response:
    require(account, Action.VIEW_ALERTS)
    return _json(console.board.open_alerts(console.scope(account).sees))


@router.post("/api/alerts/{alert_id}/{action}")
def api_act(
    request: Request, console: Shared, account: CurrentAccount, alert_id: uuid.UUID, action: str, step: Step
) -> Response:
    particulars = Particulars(step.cause, step.injury, step.hospital, tuple(step.actions))
    try:
        origin = origin_of(request)
        state = act(
            console, account, alert_id, action, step.version, step.outcome, particulars, step.note, origin=origin
        )
    except lifecycle.LifecycleError as error:
        return JSONResponse({"message_zh": error.message_zh, "message_en": error.message_en}, 409)
    return JSONResponse({"state": state})


@router.get("/api/residents/{code}/series")
def api_series(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    code: str,
    channel: str,
    since: Annotated[dt.datetime | None, Query(alias="from")] = None,
    until: Annotated[dt.datetime | None, Query(alias="to")] = None,
) -> Response:
    """Columns of one channel; the last 24 hours unless told otherwise."""
    require(account, Action.VIEW_VITALS)
    if channel not in CHANNELS:
        raise HTTPException(422, f"no channel {channel!r}")
    until = until or dt.datetime.now(dt.UTC)
    since = since or until - dt.timedelta(days=1)
    if since.tzinfo is None or until.tzinfo is None:
        raise HTTPException(422, "times need a zone, e.g. 2026-11-23T08:00:00+08:00")
    with console.database() as conn:
        resident = load_resident(conn, account, code, "view_vitals", origin_of(request))
        return _json(vitals.chart(conn, resident["id"], channel, since, until))


@router.get("/healthz")
def healthz(console: Shared) -> Response:
    """200 while the console can show alerts; the parts say what is away."""
    parts = {"database": console.feed.database_up, "broker": console.feed.broker_up}
    return JSONResponse(parts, 200 if any(parts.values()) else 503)


@router.websocket("/api/live")
async def live(socket: WebSocket) -> None:
    """Every alert that the account may see, at once: ``{"type": "alert", "alert": {…}}``; ``{"type": "reload"}`` when
    the receiver was too slow; ``{"type": "state", …}`` as a heartbeat."""
    console = console_of(socket)
    try:
        if not same_origin(socket):
            raise LoginNeeded
        known = await asyncio.to_thread(watching, socket, console)
    except LoginNeeded:
        await socket.close(4401)
        return
    except psycopg.OperationalError:
        await socket.close(1013)  # try again later
        return
    await socket.accept()
    watcher = Watcher(asyncio.get_running_loop(), known.scope.sees)
    unwatch = console.board.watch(watcher)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_send(socket, watcher))
            group.create_task(_check(socket, console, watcher))
            group.create_task(_receive(socket))
    except* (WebSocketDisconnect, RuntimeError, LoginNeeded, psycopg.OperationalError):
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(4401)
    finally:
        unwatch()


async def _send(socket: WebSocket, watcher: Watcher) -> None:
    while True:
        alert = await watcher.queue.get()
        message: dict[str, Any] = {"type": "reload"} if alert is None else {"type": "alert", "alert": alert}
        await socket.send_text(msgspec.json.encode(message).decode())


async def _check(socket: WebSocket, console: Console, watcher: Watcher) -> None:
    """Scope and session are asked for again and again: what was taken back ends here too."""
    while True:
        state = {"type": "state", "database": console.feed.database_up, "broker": console.feed.broker_up}
        await socket.send_json(state)
        await asyncio.sleep(RECHECK_S)
        watcher.may_see = (await asyncio.to_thread(watching, socket, console)).scope.sees


async def _receive(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()


def _json(value: list[AlertNotice] | dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
