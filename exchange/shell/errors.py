"""Answer errors in words: problem details (RFC 9457), and OperationOutcome below ``/fhir``; by Accept-Language."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import psycopg
import structlog
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from vocabulary.errors import BilingualError

log = structlog.get_logger(__name__)

FHIR_JSON = "application/fhir+json"
PROBLEM_JSON = "application/problem+json"
_CODES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    409: "conflict",
    410: "deleted",
    413: "too-long",
    415: "not-supported",
    422: "processing",
    429: "throttled",
    500: "exception",
    503: "transient",
}
"""Of FHIR's value set issue-type, by status."""
_WORDS: Mapping[int, tuple[str, str]] = {
    404: ("没有这个地址或资源", "there is nothing at this address"),
    405: ("此地址不支持该方法", "this address does not take that method"),
    408: ("请求传送得太慢", "the request came too slowly"),
    413: ("请求太大", "the request is too large"),
}
_ANY = ("请求无法处理", "the request cannot be processed")


class ExchangeError(BilingualError):
    """A refusal of a request. ``code``: FHIR's sort of issue; ``headers``: beside the answer."""

    def __init__(
        self, status: int, *, en: str, zh: str, code: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(en=en, zh=zh)
        self.status, self.code, self.headers = status, code or _CODES.get(status, "processing"), dict(headers or {})


def language_of(request: Request) -> str:
    """'en' where the client prefers English, else 'zh'."""
    for part in request.headers.get("accept-language", "").lower().split(","):
        word = part.strip()[:2]
        if word in ("zh", "en"):
            return word
    return "zh"


def pick(request: Request, zh: str, en: str) -> str:
    """The text in the client's language."""
    return en if language_of(request) == "en" else zh


def problem(
    request: Request, status: int, zh: str, en: str, *, code: str = "", headers: Mapping[str, str] | None = None,
    detail: Any = None,
) -> Response:  # fmt: skip
    """An error's answer, in the form that the address asks for."""
    text = pick(request, zh, en)
    also = {**(headers or {}), "Content-Language": language_of(request)}
    if request.url.path.startswith("/fhir"):
        return Response(
            msgspec.json.encode(outcome(code or _CODES.get(status, "processing"), text)), status, also, FHIR_JSON
        )
    body: dict[str, Any] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": text}
    if detail:
        body["errors"] = detail
    return Response(msgspec.json.encode(body), status, also, PROBLEM_JSON)


def outcome(code: str, text: str, severity: str = "error") -> dict[str, Any]:
    """FHIR's OperationOutcome with one issue."""
    issue = {"severity": severity, "code": code, "details": {"text": text}, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, ExchangeError)  # noqa: S101 - registered for it
    return problem(request, error.status, error.message_zh, error.message_en, code=error.code, headers=error.headers)


async def _said(request: Request, error: Exception) -> Response:
    assert isinstance(error, BilingualError)  # noqa: S101 - registered for it
    return problem(request, 422, error.message_zh, error.message_en)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return problem(request, error.status_code, *_WORDS.get(error.status_code, _ANY), headers=error.headers)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    wrong = [f"{'.'.join(str(one) for one in part['loc'][1:])}: {part['msg']}" for part in error.errors()][:5]
    what = "; ".join(wrong)
    return problem(request, 400, f"请求参数有误：{what}", f"the request's parameters are wrong: {what}", detail=wrong)


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database away", error=str(error).strip())
    return problem(
        request, 503, "数据库暂时不可用，请稍后重试", "the database is away; try again shortly",
        headers={"Retry-After": "5"},
    )  # fmt: skip


async def _not_storable(request: Request, error: Exception) -> Response:
    log.warning("the database takes a value of a request not", error=type(error).__name__)
    return problem(request, 422, "请求中有无法保存的内容", "the request has something that cannot be stored")


async def _broken(request: Request, _error: Exception) -> Response:
    return problem(request, 500, "平台出错，请稍后重试", "the platform made a mistake; try again shortly")


HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    ExchangeError: _refused,
    BilingualError: _said,
    HTTPException: _http,
    RequestValidationError: _not_understood,
    psycopg.OperationalError: _database_away,
    psycopg.DataError: _not_storable,
    OverflowError: _not_storable,
    UnicodeError: _not_storable,
    Exception: _broken,
}
