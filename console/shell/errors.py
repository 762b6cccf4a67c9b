"""Answer errors: JSON below ``/api/``, a page elsewhere, in the reader's language.

A page that shows an error in its own place catches it; every other error gets here by itself.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psycopg
import structlog
from fastapi import Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from care_network.access.accounts import Account
from care_network.errors import (
    ChangedMeanwhileError,
    KeyFileError,
    LoginRefusedError,
    NotFoundError,
    NotPermittedError,
    ProvisioningError,
)
from console.shell.i18n import pick
from console.shell.security import LoginNeeded, PasswordChangeNeeded
from console.shell.session import login_address
from console.shell.views import language_of, page
from dispatch.alerts.states import LifecycleError
from dispatch.core.links import LinkError, LinkKeyError
from figures.core.errors import NoChineseFontError
from vocabulary.errors import BilingualError
from vocabulary.text import TextError

log = structlog.get_logger(__name__)

STATUS: Mapping[type[BilingualError], int] = {
    NotPermittedError: 403,
    NotFoundError: 404,
    ChangedMeanwhileError: 409,
    ProvisioningError: 422,
    LoginRefusedError: 401,
    KeyFileError: 503,
    NoChineseFontError: 503,
    LifecycleError: 409,
    LinkError: 410,
    TextError: 422,
}
"""The status of an error is that of its nearest class here."""


WORDS: Mapping[int, tuple[str, str]] = {
    404: ("没有这个地址，或您无权查看", "this does not exist, or it is not yours to see"),
    405: ("这个地址不接受这种操作", "this address does not take such a request"),
    408: ("数据到达太慢，请重试", "it arrived too slowly; try again"),
    413: ("发送的内容过大", "what was sent is too large"),
    422: ("请求内容有误", "the request cannot be used"),
}
ANY_WORDS = ("操作没有成功，请重试", "that did not work; try again")


def status_of(error: BilingualError) -> int:
    """The HTTP status of an error; 422 for a class that the table does not have."""
    if isinstance(error, LoginRefusedError) and error.retry_after_s:
        return 429
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 422)


def message_of(request: Request, error: BilingualError, account: Account | None = None) -> str:
    """The error's text in the reader's language."""
    return pick(language_of(request, account), error.message_zh, error.message_en)


def account_of(request: Request) -> Account | None:
    """The account that asks, as far as this request has found out: an error is told within its shell."""
    account: Account | None = getattr(request.state, "account", None)
    return account


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _texts(zh: str, en: str) -> dict[str, Any]:
    """The body of every error that is said in two languages."""
    return {"message_zh": zh, "message_en": en}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, BilingualError)  # noqa: S101 - registered for it
    status, body, headers = status_of(error), _texts(error.message_zh, error.message_en), None
    if isinstance(error, LoginRefusedError):
        body["retry_after_s"] = error.retry_after_s
        headers = {"Retry-After": str(int(error.retry_after_s))} if error.retry_after_s else None
    if _wants_json(request):
        return JSONResponse(body, status, headers)
    account = account_of(request)
    message = message_of(request, error, account)
    return page(request, "message.html", account, status=status, kind=str(status), message=message)


async def _login_needed(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return JSONResponse(_texts("请先登录", "log in first"), 401)
    return RedirectResponse(login_address(request), 303)


async def _password_needed(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return JSONResponse(_texts("请先修改一次性密码", "change the one-time password first"), 403)
    return RedirectResponse("/password", 303)


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _plain(request, status, {"detail": getattr(error, "detail", "")})


async def _not_understood(request: Request, error: Exception) -> Response:
    """A request that FastAPI cannot read: a part of the address that names nothing is a page that is not there."""
    wrong = error.errors() if isinstance(error, RequestValidationError) else []
    status = 404 if any(part["loc"][:1] == ("path",) for part in wrong) else 422
    return _plain(request, status, {"detail": jsonable_encoder([{"loc": p["loc"], "msg": p["msg"]} for p in wrong])})


def _plain(request: Request, status: int, detail: dict[str, Any]) -> Response:
    """An error that has no words of its own: those of its status."""
    if _wants_json(request):
        return JSONResponse(_texts(*WORDS.get(status, ANY_WORDS)) | detail, status)
    return page(request, "message.html", account_of(request), status=status, kind=str(status))


async def _no_link_key(request: Request, error: Exception) -> Response:
    log.error("links cannot be read", error=str(error))
    return page(request, "message.html", status=503, kind="links")


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database away", error=str(error).strip())
    if _wants_json(request):
        return JSONResponse(_texts("数据库暂时不可用，请稍后重试", "the database is away; try again shortly"), 503)
    return page(request, "message.html", account_of(request), status=503, kind="database")


async def _not_storable(request: Request, error: Exception) -> Response:
    log.warning("the database takes a value of a request not", error=type(error).__name__)
    if _wants_json(request):
        return JSONResponse(_texts("请求中有无法保存的内容", "the request has something that cannot be stored"), 422)
    return page(request, "message.html", account_of(request), status=422, kind="422")


async def _broken(request: Request, _error: Exception) -> Response:
    """Our own mistake: the server logs it, the reader learns that it was not theirs."""
    if _wants_json(request):
        return JSONResponse(_texts("平台出错，请稍后重试", "the platform made a mistake; try again shortly"), 500)
    return page(request, "message.html", account_of(request), status=500, kind="500")


async def _not_theirs(request: Request, error: Exception) -> Response:
    """The database's own refusal: a row of another area, which the service layer would have refused, too."""
    log.error("the database refused what the service layer let pass", error=str(error).splitlines()[0])
    refusal = NotPermittedError(
        zh="该记录不在您的管辖区域内，或您无权修改", en="this record is not of your area, or not yours to change"
    )
    return await _refused(request, refusal)


HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    BilingualError: _refused,
    LoginNeeded: _login_needed,
    PasswordChangeNeeded: _password_needed,
    HTTPException: _http_error,
    RequestValidationError: _not_understood,
    psycopg.OperationalError: _database_away,
    psycopg.errors.InsufficientPrivilege: _not_theirs,
    psycopg.DataError: _not_storable,
    OverflowError: _not_storable,
    UnicodeError: _not_storable,
    LinkKeyError: _no_link_key,
    Exception: _broken,
}
