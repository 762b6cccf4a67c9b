"""Pages that messages lead to: the acknowledgement without a login, receipts of gateways, the demo's outbox."""

import datetime as dt
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access.permissions import Action
from console.shell.i18n import pick
from console.shell.security import CurrentAccount, origin_of, require
from console.shell.state import Console, console_of
from console.shell.views import language_of, page
from dispatch.alerts import answers
from dispatch.channels import journal
from dispatch.channels.render import ACKNOWLEDGE
from dispatch.core import links
from dispatch.orders import messages as work_orders

router = APIRouter()
Shared = Annotated[Console, Depends(console_of)]
MAX_BODY = 16 * 1024


@router.get("/a/{token}")
def answer_page(request: Request, console: Shared, token: str) -> Response:
    """What the message is about, and one button; a work order has a page of its own.

    Nothing changes by looking: messengers fetch previews.
    """
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            keys = _keys(console)
            link = keys.read(token, ACKNOWLEDGE, now)
            order = work_orders.path_of_message(conn, keys, int(link.subject), link.person, now)
            if order is not None:
                return RedirectResponse(order, 303)
            answer = answers.load(conn, keys, token, now)
    except links.LinkError as error:
        return _refused(request, error)
    return page(request, "answers.html", answer=answer, token=token, done="")


@router.post("/a/{token}")
def answer(request: Request, console: Shared, token: str) -> Response:
    """The tap."""
    now = dt.datetime.now(dt.UTC)
    try:
        with console.database() as conn:
            outcome, count = answers.acknowledge(conn, _keys(console), token, origin_of(request), now)
            found = answers.load(conn, _keys(console), token, now)
    except links.LinkError as error:
        return _refused(request, error)
    return page(request, "answers.html", answer=found, token=token, done=outcome, count=count)


@router.post("/receipts/{token}")
async def receipt(request: Request, console: Shared, token: str) -> Response:
    """A gateway's report: ``status`` is ``delivered`` or ``undelivered``, as JSON or a form. Repetitions are fine."""
    status = await _status(request)
    return await run_in_threadpool(_take_receipt, console, token, status)


def _take_receipt(console: Console, token: str, status: str) -> Response:
    try:
        with console.database() as conn:
            known = answers.receipt(conn, _keys(console), token, status, dt.datetime.now(dt.UTC))
    except links.LinkError as error:
        return JSONResponse({"error": str(error)}, 403)
    except ValueError as error:
        return JSONResponse({"error": str(error)}, 422)
    return JSONResponse({"ok": known}, 200 if known else 404)


async def _status(request: Request) -> str:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    try:
        return str(msgspec.json.decode(body, type=dict[str, Any]).get("status", ""))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return parse_qs(body.decode(errors="replace")).get("status", [""])[0]


@router.get("/outbox")
def outbox_page(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """What the demonstration sent instead of SMS and calls."""
    return page(request, "outbox.html", account, **_outbox(request, console, account))


@router.get("/outbox/cards")
def outbox_cards(request: Request, console: Shared, account: CurrentAccount) -> Response:
    """The cards alone, for the live page to put in place."""
    return page(request, "_outbox.html", account, **_outbox(request, console, account))


def _outbox(request: Request, console: Console, account: Any) -> dict[str, Any]:
    if not console.channels.outbox:
        raise HTTPException(404)
    require(account, Action.VIEW_OUTBOX)
    households = list(console.scope(account).households)
    with console.database() as conn:
        entries = journal.recent(conn, households, language_of(request, account))
    return {"entries": entries, "channel_names": console.channels.names}


def _keys(console: Console) -> links.LinkKeys:
    try:
        return links.load_link_keys(console.settings.link_key_file)
    except links.LinkKeyError as error:
        raise HTTPException(503, str(error)) from error


def _refused(request: Request, error: links.LinkError) -> Response:
    message = pick(language_of(request, None), error.message_zh, error.message_en)
    return page(request, "answers.html", status=410, answer=None, message=message)
