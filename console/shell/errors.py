"""Answer errors: JSON below ``/api/``, a page elsewhere, in the reader's language.

A page that shows an error in its own place catches it; every other error gets here by itself.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import psycopg
import structlog
from fastapi import Request
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
from dispatch.alerts.lifecycle import LifecycleError
from dispatch.core.links import LinkError, LinkKeyError
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
    LifecycleError: 409,
    LinkError: 410,
    TextError: 422,
}
"""The status of an error is that of its nearest class here."""


def status_of(error: BilingualError) -> int:
    """The HTTP status of an error; 422 for a class that the table does not have."""
    if isinstance(error, LoginRefusedError) and error.retry_after_s:
        return 429
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 422)


def message_of(request: Request, error: BilingualError, account: Account | None = None) -> str:
    """The error's text in the reader's language."""
    return pick(language_of(request, account), error.message_zh, error.message_en)


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
    return page(request, "message.html", status=status, kind=str(status), message=message_of(request, error))


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
    if _wants_json(request):
        return JSONResponse({"detail": getattr(error, "detail", "")}, status)
    return page(request, "message.html", status=status, kind=str(status))


async def _no_link_key(request: Request, error: Exception) -> Response:
    log.error("links can not be read", error=str(error))
    return page(request, "message.html", status=503, kind="links")


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database away", error=str(error).strip())
    if _wants_json(request):
        return JSONResponse(_texts("数据库暂时不可用，请稍后重试", "the database is away; try again shortly"), 503)
    return page(request, "message.html", status=503, kind="database")


async def _not_storable(request: Request, error: Exception) -> Response:
    log.warning("the database takes a value of a request not", error=type(error).__name__)
    if _wants_json(request):
        return JSONResponse(_texts("请求中有无法保存的内容", "the request has something that can not be stored"), 422)
    return page(request, "message.html", status=422, kind="422")


async def _broken(request: Request, _error: Exception) -> Response:
    """Our own mistake: the server logs it, the reader learns that it was not theirs."""
    if _wants_json(request):
        return JSONResponse(_texts("平台出错，请稍后重试", "the platform made a mistake; try again shortly"), 500)
    return page(request, "message.html", status=500, kind="500")


HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    BilingualError: _refused,
    LoginNeeded: _login_needed,
    PasswordChangeNeeded: _password_needed,
    HTTPException: _http_error,
    psycopg.OperationalError: _database_away,
    psycopg.DataError: _not_storable,
    OverflowError: _not_storable,
    UnicodeError: _not_storable,
    LinkKeyError: _no_link_key,
    Exception: _broken,
}
