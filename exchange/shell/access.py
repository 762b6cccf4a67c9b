"""Recognise who asks: the token of a request, its scope and its rate; and the audit of what it saw."""

import datetime as dt
import math
import time
from collections.abc import Collection
from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, APIKeyQuery, HTTPBearer
from starlette.requests import Request

from care_network.access import machine_tokens
from care_network.access.machine_tokens import SCOPES, Machine, MachineScope
from care_network.access.permissions import Action, audit, audit_each, may_do
from exchange.shell.errors import ExchangeError
from exchange.shell.state import Exchange, Shared

_bearer = HTTPBearer(auto_error=False, description="a token of the page 外部系统 (/machines): sw_…")
_api_secret = APIKeyHeader(
    name="api-secret", auto_error=False, scheme_name="NightscoutSecret", description="SHA-1 of the token, hexadecimal"
)
_query_token = APIKeyQuery(name="token", auto_error=False, scheme_name="NightscoutToken")
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="shouwang"'}
MOST_LINES = 20
"""Up to so many residents of one answer have a line each in the audit; more are one line with their number."""


class Asking(msgspec.Struct, frozen=True):
    """A request of a machine that may make it."""

    machine: Machine
    origin: str
    scope: MachineScope
    path: str
    shown: str
    """The token, as it came: the database gives the rows of whoever shows it."""

    def __repr__(self) -> str:
        return f"Asking({self.machine.name!r}, {self.scope.value}, {self.path!r})"

    def seen(
        self, conn: psycopg.Connection[Any], residents: Collection[int], n: int, *, written: bool = False,
        what: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write down whose data (residents' rows) an answer of ``n`` resources held, or a request brought."""
        action = Action.EXCHANGE_WRITE if written else Action.EXCHANGE_READ
        detail = {"token": self.machine.token_id, "scope": self.scope.value, "path": self.path, "n": n, **(what or {})}
        at = dt.datetime.now(dt.UTC)
        if len(residents) > MOST_LINES or not residents:
            detail["residents"] = len(residents)
            audit(conn, self.machine.account, action, at=at, origin=self.origin, detail=detail)
        else:
            audit_each(conn, self.machine.account, action, residents, at=at, origin=self.origin, detail=detail)


def origin_of(request: Request) -> str:
    """The client's address, for the audit."""
    return request.client.host if request.client else ""


class Scoped:
    """The scope that a route needs: a dependency of the route, so that a test can read it off every one.

    ``nightscout``: its clients' ways to show a token are taken, too.
    """

    def __init__(self, scope: MachineScope, *, nightscout: bool = False) -> None:
        self.scope, self.nightscout = scope, nightscout

    def __call__(self, request: Request, exchange: Shared, _shown: Annotated[Any, Security(_bearer)] = None) -> Asking:
        """Raises ExchangeError: 401 for no good token, 403 for a scope that it lacks, 429 for too many requests."""
        return ask(request, exchange, self.scope, nightscout=False)


class ScopedNightscout(Scoped):
    """The same for a door of Nightscout: a header ``api-secret`` or a parameter ``token`` is taken, too."""

    def __call__(
        self,
        request: Request,
        exchange: Shared,
        _shown: Annotated[Any, Security(_bearer)] = None,
        _secret: Annotated[str | None, Security(_api_secret)] = None,
        _token: Annotated[str | None, Security(_query_token)] = None,
    ) -> Asking:
        """Raises ExchangeError as :class:`Scoped` does."""
        return ask(request, exchange, self.scope, nightscout=True)


def scoped(scope: MachineScope) -> Any:
    """Ask for this scope: ``asking: Annotated[Asking, scoped(MachineScope.PATIENT_READ)]``."""
    return Depends(Scoped(scope))


def scoped_nightscout(scope: MachineScope) -> Any:
    """Ask for this scope at a door of Nightscout."""
    return Depends(ScopedNightscout(scope, nightscout=True))


def ask(request: Request, exchange: Exchange, scope: MachineScope, *, nightscout: bool) -> Asking:
    """The machine that asks, with the scope. Raises ExchangeError."""
    origin = origin_of(request)
    token, hashed = _token_of(request, nightscout=nightscout)
    if not token:
        raise ExchangeError(
            401,
            en="show a token: Authorization: Bearer sw_…",
            zh="请出示令牌：Authorization: Bearer sw_…",
            headers=CHALLENGE,
        )
    with exchange.database(token) as conn:
        machine = machine_tokens.recognise(
            conn, token, at=dt.datetime.now(dt.UTC), origin=origin, nightscout=hashed
        )  # fmt: skip
    if machine is None:
        _slow(exchange.strangers.wait_s(origin, time.monotonic()))
        raise ExchangeError(
            401,
            en="this token is unknown, revoked or expired: ask the district's administrator for a new one",
            zh="令牌无效、已撤销或已过期，请向区管理员申请新的令牌",
            headers=CHALLENGE,
        )
    _slow(exchange.buckets.wait_s(machine.token_id, time.monotonic()))
    if scope not in machine.scopes:
        zh, en = SCOPES[scope]
        raise ExchangeError(
            403,
            en=f"this token lacks the scope {scope.value} ({en}): ask the district's administrator for one that has it",
            zh=f"此令牌没有权限范围 {scope.value}（{zh}），请向区管理员申请",
        )
    action = Action.EXCHANGE_WRITE if scope.value.endswith(".write") else Action.EXCHANGE_READ
    if not may_do(machine.account, action):
        raise ExchangeError(403, en="this account may not use the exchange", zh="此账号不能使用数据接口")
    return Asking(machine, origin, scope, request.url.path, token)


def _token_of(request: Request, *, nightscout: bool) -> tuple[str, bool]:
    """(token, whether it is the SHA-1 of Nightscout's clients); "" where none is shown."""
    kind, _, word = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and word.strip():
        return word.strip(), False
    if nightscout:
        secret = request.headers.get("api-secret", "").strip() or request.query_params.get("secret", "")
        if secret:
            return secret, not secret.startswith(machine_tokens.PREFIX)
        return request.query_params.get("token", ""), False
    return "", False


def _slow(wait_s: float) -> None:
    if wait_s > 0:
        seconds = max(1, math.ceil(wait_s))
        raise ExchangeError(
            429,
            en=f"too many requests: wait {seconds} s",
            zh=f"请求过于频繁，请 {seconds} 秒后再试",
            headers={"Retry-After": str(seconds)},
        )
