"""The console as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response

from console.links import answers, phone
from console.pages import alerts, api, handovers, orders, parameters, push, residents, service_level
from console.settings import ConsoleSettings
from console.shell.security import LoginNeeded, guard
from console.shell.state import Console
from console.shell.views import page
from console.shell.watching import Memory
from database.settings import DatabaseSettings
from dispatch.core.links import LinkKeyError
from firmware_profiles.mqtt import Broker

log = structlog.get_logger(__name__)


def create_app(settings: ConsoleSettings, database: DatabaseSettings, broker: Broker) -> FastAPI:
    """The application; it connects when it is started and shows what it has while database or broker are away."""
    console = Console(settings, database, broker)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        console.start()
        yield
        console.stop()

    app = FastAPI(title="Shouwang console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.console = console
    app.state.memory = Memory()
    app.add_middleware(BaseHTTPMiddleware, dispatch=guard)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    # dispatch stands before api: the general step of an alert would take its paths
    for part in (orders, phone, service_level, parameters, residents, handovers, alerts, api, answers, push):
        app.include_router(part.router)
    app.add_exception_handler(LoginNeeded, _login_needed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(psycopg.OperationalError, _database_away)
    app.add_exception_handler(LinkKeyError, _no_link_key)
    return app


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")


async def _login_needed(request: Request, _error: Exception) -> Response:
    if _wants_json(request):
        return JSONResponse({"message_zh": "请先登录", "message_en": "log in first"}, 401)
    return RedirectResponse("/login", 303)


async def _refused(request: Request, error: Exception) -> Response:
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
        texts = {"message_zh": "数据库暂时不可用,请稍后重试", "message_en": "the database is away; try again shortly"}
        return JSONResponse(texts, 503)
    return page(request, "message.html", status=503, kind="database")
