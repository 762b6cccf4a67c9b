"""Answer in FHIR's JSON, and what the routes of FHIR share."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from exchange.fhir.search import Search, bundle, entry, read
from exchange.shell.errors import FHIR_JSON, ExchangeError
from exchange.shell.state import Exchange

ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": words,
        "content": {
            FHIR_JSON: {
                "example": {
                    "resourceType": "OperationOutcome",
                    "issue": [{"severity": "error", "code": code, "details": {"text": words}, "diagnostics": words}],
                }
            }
        },
    }
    for status, code, words in (
        (400, "value", "_count is a number from 1 on"),
        (401, "login", "this token is unknown, revoked or expired: ask the district's administrator for a new one"),
        (403, "forbidden", "this token lacks the scope patient.read (read who the residents are)"),
        (404, "not-found", "there is no such resource, or this token may not see it"),
        (429, "throttled", "too many requests: wait 3 s"),
        (503, "transient", "the database is away; try again shortly"),
    )
}
"""Errors of every route of FHIR, for its OpenAPI document."""


def example(resource: dict[str, Any], summary: str = "") -> dict[int | str, dict[str, Any]]:
    """The answers of a route: an example of the good one, and the errors."""
    good = {"description": summary or resource["resourceType"], "content": {FHIR_JSON: {"example": resource}}}
    return {200: good, **ANSWERS}


def fhir(resource: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A resource as an answer."""
    return Response(msgspec.json.encode(resource), status, headers, FHIR_JSON)


def base_of(exchange: Exchange, request: Request) -> str:
    """The address of /fhir as the client knows it."""
    return f"{exchange.base(request)}/fhir"


def search_of(request: Request, *allowed: str) -> Search:
    """The search of a request. Raises ExchangeError."""
    return read(request.query_params.multi_items(), frozenset(allowed))


def found(
    exchange: Exchange, request: Request, search: Search, resources: Sequence[dict[str, Any]], next_page: str = ""
) -> Response:
    """A page of a search."""
    base = base_of(exchange, request)
    kind = request.url.path.removeprefix("/fhir/")
    return fhir(bundle(search, f"{base}/{kind}", [entry(base, one) for one in resources], next_page))


def missing() -> ExchangeError:
    """The refusal of a resource that is not there, or not for this token: it does not tell which."""
    return ExchangeError(
        404,
        en="there is no such resource, or this token may not see it: area and the resident's consent decide",
        zh="没有此资源，或此令牌无权查看（取决于管辖区域和老人的授权）",
    )
