"""The exchange as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from database.settings import DatabaseSettings
from exchange.bulk import routes as bulk_routes
from exchange.bulk.making import Maker
from exchange.fhir import capability, read_people, read_signs
from exchange.intake import fhir_write, nightscout
from exchange.intake.sending import FrameSender
from exchange.settings import ExchangeSettings
from exchange.shell import pages
from exchange.shell.errors import HANDLERS
from exchange.shell.guard import Guard
from exchange.shell.state import Exchange
from exchange.webhooks import routes as webhook_routes
from exchange.webhooks.delivering import Webhooks
from firmware_profiles.link.mqtt import Broker
from observability.liveness import Liveness, Part

ROUTERS: tuple[APIRouter, ...] = (
    capability.router,
    bulk_routes.router,
    read_people.router,
    read_signs.router,
    fhir_write.router,
    nightscout.router,
    webhook_routes.router,
    pages.router,
)
"""In this order: an address of one may look like a name in another's."""
TURN_S = 2.0
"""Interval at which the event loop and its threads show that they turn."""


class _GuardedApp(FastAPI):
    """FastAPI within the guard."""

    def build_middleware_stack(self) -> ASGIApp:
        return Guard(super().build_middleware_stack())


def create_app(
    settings: ExchangeSettings, database: DatabaseSettings, broker: Broker, liveness: Liveness | None = None
) -> FastAPI:
    """The application; it connects when it is started. Its threads and its event loop are parts of ``liveness``."""
    exchange = Exchange(settings, database, liveness)
    frames = FrameSender(database, broker, settings.worker, exchange.liveness)
    exchange.written = frames.wake
    exports = Maker(database, settings.data_dir, settings.export_mb, exchange.liveness)
    webhooks = Webhooks(database, exchange.liveness, local=settings.local_webhooks)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        exchange.start()
        frames.start()
        webhooks.start()
        exports.start()
        turning = asyncio.create_task(_keep_turning(exchange.liveness.part("requests")))
        yield
        exchange.liveness.finish()
        turning.cancel()
        frames.stop()
        webhooks.stop()
        exports.stop()
        exchange.stop()

    app = _GuardedApp(
        title="Shouwang exchange", version="1", lifespan=lifespan, docs_url=None, redoc_url=None,
        openapi_url="/api/openapi.json", redirect_slashes=False,
        description="The doors for other systems: FHIR R4, bulk export, Nightscout. A token of the district is needed:"
        " Authorization: Bearer sw_…",
    )  # fmt: skip
    app.state.exchange = exchange
    for router in ROUTERS:
        app.include_router(router)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


async def _keep_turning(part: Part) -> None:
    """Report by way of a thread of the pool that answers requests: where all of them hang, nothing is answered."""
    while True:
        await run_in_threadpool(part.turned)
        await asyncio.sleep(TURN_S)
