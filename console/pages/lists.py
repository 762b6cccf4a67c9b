"""Page lists by key: the addresses of the first and the next rows, with everything else that was asked for kept."""

from urllib.parse import urlencode

import msgspec
from fastapi import Request

LIMIT = 50
"""Rows of a page of a list."""


class Pager(msgspec.Struct, frozen=True):
    """The ways on from a page of a list, for the macro ``onward`` of ``_list.html``."""

    first: str | None
    """None on the first page."""
    next: str | None
    """None on the last page."""
    limit: int


def pager_of(request: Request, next_key: str | None, limit: int = LIMIT) -> Pager:
    """Make the pager of a list whose next page begins after ``next_key`` (None: there is none); keeps the query."""
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "after" and value]
    path = request.url.path
    first = None
    if request.query_params.get("after"):
        first = f"{path}?{urlencode(asked)}" if asked else path
    onward = None if next_key is None else f"{path}?{urlencode([*asked, ('after', next_key)])}"
    return Pager(first, onward, limit)
