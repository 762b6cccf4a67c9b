"""Join the sheets of style into one file, so that a component has a file of its own and a page asks once."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

from console.shell.text import page_router

SHEETS = Path(__file__).parents[1] / "static" / "styles"
FIRST = ("tokens.css", "base.css")
"""Sheets on which every other one builds; the others in the order of their names, none relies on it."""
A_YEAR_S = 31_536_000
router = page_router()


@cache
def bundle() -> str:
    """All sheets, the tokens first."""
    names = [*FIRST, *sorted(path.name for path in SHEETS.glob("*.css") if path.name not in FIRST)]
    return "\n".join((SHEETS / name).read_text() for name in names)


@cache
def packed() -> bytes:
    """The bundle as most browsers ask for it, a fifth of its size."""
    return gzip.compress(bundle().encode(), 9)


@cache
def address() -> str:
    """Where the bundle lies; another text has another address, so that a browser may keep it for ever."""
    return f"/styles/{hashlib.sha256(bundle().encode()).hexdigest()[:12]}.css"


@router.get("/styles/{version}.css", include_in_schema=False)
def styles(version: str, request: Request) -> Response:
    """The bundle; of an old address, too: a page that is still open gets the present one."""
    kept = f"public, max-age={A_YEAR_S}, immutable" if version in address() else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed(), media_type="text/css", headers=headers | {"Content-Encoding": "gzip"})
    return Response(bundle(), media_type="text/css", headers=headers)
