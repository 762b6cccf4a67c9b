"""The link of a message: acknowledge an alert without a login; and the receipts of gateways."""

import datetime as dt
from typing import Any
from urllib.parse import parse_qs

import msgspec
from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.shell.errors import message_of
from console.shell.security import origin_of
from console.shell.state import Console, Shared
from console.shell.views import page
from dispatch.alerts import answers
from dispatch.channels.render import ACKNOWLEDGE
from dispatch.core.links import LinkError, load_link_keys
from dispatch.orders import messages as work_orders

router = APIRouter()
MAX_BODY = 16 * 1024


@router.get("/a/{token}")
def answer_page(request: Request, console: Shared, token: str) -> Response:
    """Show the message's alerts and one button; lead a work order's message to the order's own page.

    Nothing changes by looking: messengers fetch previews.
    """
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    try:
        with console.database() as conn:
            link = keys.read(token, ACKNOWLEDGE, now)
            order = work_orders.path_of_message(conn, keys, int(link.subject), link.person, now, link.expires_at)
            if order is not None:
                return RedirectResponse(order, 303)
            answer = answers.load(conn, keys, token, now, origin_of(request))
    except LinkError as error:
        return _refused(request, error)
    return page(request, "answers.html", answer=answer, token=token, done="")


@router.post("/a/{token}")
def answer(request: Request, console: Shared, token: str) -> Response:
    """Take the message's alerts on, or record that the family knows: the tap on the button."""
    now = dt.datetime.now(dt.UTC)
    keys = load_link_keys(console.settings.link_key_file)
    try:
        with console.database() as conn:
            outcome, count = answers.acknowledge(conn, keys, token, origin_of(request), now)
            answer = answers.load(conn, keys, token, now, origin_of(request))
    except LinkError as error:
        return _refused(request, error)
    return page(request, "answers.html", answer=answer, token=token, done=outcome, count=count)


@router.post("/receipts/{token}")
async def receipt(request: Request, console: Shared, token: str) -> Response:
    """Take a gateway's report: ``status`` is ``delivered`` or ``undelivered``, as JSON or a form. Repetitions
    change nothing."""
    status = await _status(request)
    return await run_in_threadpool(_take_receipt, console, token, status)


def _take_receipt(console: Console, token: str, status: str) -> Response:
    keys = load_link_keys(console.settings.link_key_file)
    try:
        with console.database() as conn:
            known = answers.receipt(conn, keys, token, status, dt.datetime.now(dt.UTC))
    except LinkError as error:
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


def _refused(request: Request, error: LinkError) -> Response:
    return page(request, "answers.html", status=410, answer=None, message=message_of(request, error))
