"""JSON endpoints and the live WebSocket, for programs and the pages' scripts."""

import asyncio
import contextlib
import datetime as dt
import uuid
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import (
    Depends,
    HTTPException,
    Query,
    Request,
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
)
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from care_network.access.accounts import Account
from care_network.access.permissions import Action, Role
from care_network.access.sessions import Term
from care_network.errors import NotPermittedError
from care_network.records import vitals
from console.access.alerts import STEPS, act
from console.access.residents import load_resident
from console.board.board import Watcher
from console.board.pulse import BEAT_S
from console.shell.memory import Watching
from console.shell.scope import scope_of
from console.shell.security import (
    CurrentAccount,
    LoginNeeded,
    Needs,
    PasswordChangeNeeded,
    needs,
    origin_of,
    same_origin,
)
from console.shell.session import log_in, set_cookie
from console.shell.state import Console, Shared, console_of
from console.shell.steps import STEP_OF_ROUTE, on_every_step
from console.shell.text import page_router
from console.shell.watching import watching
from dispatch.alerts.outcomes import Particulars
from dispatch.alerts.states import AlertAction
from dispatch.core.notice import AlertNotice
from dispatch.desk.steps import StepDetails
from firmware_profiles.channels import CHANNELS

router = page_router()
RECHECK_S = 15.0
"""An open socket asks so often whether its session is still good."""


class Credentials(BaseModel):
    login: str
    password: str
    code: str = ""
    """Of the authenticator app, where the account has one."""


class StepBody(BaseModel):
    """A person's step on an alert; ``version`` is the one they saw."""

    version: int
    outcome: str = ""
    cause: str = "unknown"
    injury: str = "unknown"
    hospital: str = "unknown"
    actions: list[str] = []
    note: str = ""
    other: str = ""
    span: str = ""
    number: int = 0


@router.post("/api/login")
async def api_login(request: Request, console: Shared, credentials: Credentials) -> Response:
    token, role = await log_in(request, console, credentials.login, credentials.password, credentials.code)
    response = JSONResponse({"ok": True})
    set_cookie(response, console.settings, token, role)
    return response


@router.get("/api/openapi.json", dependencies=[needs(Action.VIEW_ALERTS)])
def api_description(request: Request) -> Response:
    """The OpenAPI document of the console's own JSON endpoints, for programs of people who may log in."""
    document = request.app.openapi()
    paths = {path: methods for path, methods in document["paths"].items() if path.startswith("/api/")}
    return JSONResponse({**document, "paths": paths})


@router.get("/api/alerts", dependencies=[needs(Action.VIEW_ALERTS)])
def api_alerts(console: Shared, account: CurrentAccount) -> Response:
    with console.database() as conn:
        scope = scope_of(conn, account)
    return _json(console.board.open_alerts(scope.sees))


@on_every_step(router, "/api/alerts/{alert_id}", STEPS)
def api_act(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    alert_id: uuid.UUID,
    step: Annotated[AlertAction, STEP_OF_ROUTE],
    body: StepBody,
) -> Response:
    particulars = Particulars(body.cause, body.injury, body.hospital, tuple(body.actions))
    details = StepDetails(
        outcome=body.outcome,
        particulars=particulars,
        note=body.note,
        other=body.other,
        span=body.span,
        number=body.number,
    )
    with console.database() as conn:
        state = act(conn, console.board, account, alert_id, step, body.version, details, origin=origin_of(request))
    return JSONResponse({"state": state})


@router.get("/api/residents/{code}/series", dependencies=[needs(Action.VIEW_VITALS)])
def api_series(
    request: Request,
    console: Shared,
    account: CurrentAccount,
    code: str,
    channel: str,
    since: Annotated[dt.datetime | None, Query(alias="from")] = None,
    until: Annotated[dt.datetime | None, Query(alias="to")] = None,
) -> Response:
    """Columns of one channel, by default of the last 24 hours."""
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


def _socket_watching(socket: WebSocket) -> Watching:
    """As :func:`watching`, for a socket: a refusal is a close code, 4401 without a session, 1013 to try again later."""
    try:
        if not same_origin(socket, tls=console_of(socket).settings.secure_cookie):
            raise LoginNeeded
        return watching(socket)
    except (LoginNeeded, PasswordChangeNeeded) as error:
        raise WebSocketException(4401) from error
    except psycopg.OperationalError as error:
        raise WebSocketException(1013) from error


SocketWatching = Annotated[Watching, Depends(_socket_watching)]


class _NeedsOnSocket(Needs):
    """The permission of a socket's account."""

    def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, watching: SocketWatching
    ) -> Account:
        try:
            return self.checked(connection, watching.account)
        except NotPermittedError as error:
            raise WebSocketException(4403) from error


@router.websocket("/api/live", dependencies=[Depends(_NeedsOnSocket(Action.VIEW_ALERTS))])
async def live(socket: WebSocket, console: Shared, known: SocketWatching) -> None:
    """Send what the account may see, each message with its ``type``:

    - ``board``: all open alerts, at the beginning and where the receiver was too slow for single ones;
    - ``alert``: one that is new or has changed, at once;
    - ``session``: when this login began and how long it lasts, unless something is done;
    - ``beat``: every :data:`console.board.pulse.BEAT_S` what is known of the platform, and since when, and how many
      hand-overs wait for this account.
    """
    await socket.accept()
    watcher = Watcher(asyncio.get_running_loop(), known.scope.sees)
    unwatch = console.board.watch(watcher)
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_send(socket, console, watcher, known.account.role == Role.FAMILY))
            group.create_task(_check(socket, console, watcher, known))
            group.create_task(_receive(socket))
            group.create_task(_beat(socket, console, known.account))
    except* (WebSocketDisconnect, RuntimeError, LoginNeeded, PasswordChangeNeeded, psycopg.OperationalError):
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(4401)
    finally:
        unwatch()


async def _send(socket: WebSocket, console: Console, watcher: Watcher, by_consent: bool) -> None:
    """``by_consent``: whoever watches sees by residents' consents, which are asked again before each alert."""
    await socket.send_text(_board(console, watcher))
    while True:
        alert = await watcher.queue.get()
        if by_consent:
            watcher.may_see = (await asyncio.to_thread(watching, socket)).scope.sees
            if alert is not None and not watcher.may_see(alert):
                continue
        message = _board(console, watcher) if alert is None else _text({"type": "alert", "alert": alert})
        await socket.send_text(message)


def _board(console: Console, watcher: Watcher) -> str:
    """All open alerts without their evidence, which fills most of a notice."""
    alerts = [msgspec.structs.replace(alert, evidence={}) for alert in console.board.open_alerts(watcher.may_see)]
    return _text({"type": "board", "alerts": alerts})


def _text(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()


async def _check(socket: WebSocket, console: Console, watcher: Watcher, known: Watching) -> None:
    """Read session and scope anew: one that was taken back ends here, too. Tell when it will end."""
    while True:
        if known.term is not None:
            await socket.send_text(_text({"type": "session", **_left(known.term)}))
        await asyncio.sleep(RECHECK_S)
        known = await asyncio.to_thread(watching, socket)
        watcher.may_see = known.scope.sees


def _left(term: Term) -> dict[str, Any]:
    ends_s = (term.ends_at - dt.datetime.now(dt.UTC)).total_seconds()
    return {"began": term.began_at.isoformat(), "ends_s": round(ends_s), "may_stay": term.ends_at < term.last_at}


async def _beat(socket: WebSocket, console: Console, account: Account) -> None:
    """Tell what is known, from memory: this loop waits for nothing."""
    while True:
        beat = {**console.pulse.beat(account.area_path), "handovers": console.pulse.handovers(account)}
        await socket.send_text(_text({"type": "beat", **beat}))
        await asyncio.sleep(BEAT_S)


async def _receive(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()


def _json(value: list[AlertNotice] | dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
