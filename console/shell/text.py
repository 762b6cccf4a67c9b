"""Refuse text that nobody can type and no database stores, before any page sees it: routers that do."""

import json
from collections.abc import Iterator

from fastapi import APIRouter, Depends
from starlette.requests import HTTPConnection, Request

from console.shell.guard import FORM, GROUND, OUTLINES, SIGNED, TABLES
from vocabulary.text import check_text


async def plain_text(connection: HTTPConnection) -> None:
    """Look at every text of the request: address, query, form, JSON. Raises TextError."""
    texts = [*map(str, connection.path_params.values())]
    texts += [part for pair in connection.query_params.multi_items() for part in pair]
    if isinstance(connection, Request):
        texts += await _sent(connection)
    for text in texts:
        check_text(text, FORM.size)


def page_router() -> APIRouter:
    """Make the router of a module's pages, each of which looks at every text first (:func:`plain_text`)."""
    return APIRouter(dependencies=[Depends(plain_text)])


async def _sent(request: Request) -> list[str]:
    """The texts of the body; FastAPI has read it already."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.url.path.startswith(SIGNED):
        return []  # a gateway's report: one word of it is read
    if request.url.path in (GROUND, OUTLINES) or request.url.path.startswith(TABLES):
        return []  # megabytes: read, and looked at, once the permission was asked for
    if kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return [part for pair in (await request.form()).multi_items() for part in pair if isinstance(part, str)]
    return list(_strings(await _json(request)))


async def _json(request: Request) -> object:
    """The body as FastAPI reads it; a body that is no JSON has no text, and FastAPI says so itself."""
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        return None


def _strings(value: object) -> Iterator[str]:
    """All texts within a JSON value."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case list() as items:
                waiting += items
            case dict() as members:
                waiting += [*members, *members.values()]
