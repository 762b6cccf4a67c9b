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

from care_network.errors import NotFoundError, NotPermittedError
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
WORDS: Mapping[int, tuple[str, str]] = {
    404: (
        "没有这个地址或资源；全部地址见首页 / 和 /api/openapi.json",
        "there is nothing at this address; all addresses are on the page / and in /api/openapi.json",
    ),
    405: (
        "此地址不支持该方法，可用的方法见 /api/openapi.json",
        "this address does not take that method; /api/openapi.json has those that it takes",
    ),
    408: ("请求传送得太慢，请在 60 秒内发完", "the request came too slowly: send all of it within 60 s"),
    413: ("请求太大，最多 4 MB，请分成几次发送", "the request is too large: send 4 MB at most, in several requests"),
}
_PARTS: Mapping[str, tuple[str, str]] = {
    "int_parsing": ("须为整数", "is a whole number"),
    "int_parsing_size": ("数字太大", "is too large"),
    "uuid_parsing": ("须取自本接口返回的链接", "is taken from a link of ours, as it is"),
    "missing": ("未填写", "is missing"),
    "greater_than_equal": ("太小", "is too small"),
    "less_than_equal": ("太大", "is too large"),
}
"""Words for a parameter that is wrong, by the kind of pydantic's error."""
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
    status = 404 if isinstance(error, NotFoundError) else 403 if isinstance(error, NotPermittedError) else 422
    return problem(request, status, error.message_zh, error.message_en)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return problem(request, error.status_code, *WORDS.get(error.status_code, _ANY), headers=error.headers)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    found = [(".".join(str(one) for one in part["loc"][1:]), _PARTS.get(part["type"])) for part in error.errors()][:5]
    zh = "；".join(f"{name} {words[0] if words else '有误'}" for name, words in found)
    en = "; ".join(f"{name} {words[1] if words else 'is wrong'}" for name, words in found)
    wrong = pick(request, zh, en).replace("；", "; ").split("; ")
    return problem(request, 400, f"请求参数有误：{zh}", f"the request's parameters are wrong: {en}", detail=wrong)


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
