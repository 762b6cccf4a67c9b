"""The console as an ASGI application."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from console.links import answers, neighbour_courses, phone, rating
from console.links import door as visit_door
from console.links import help as bank_links
from console.links import neighbour as bank_neighbour
from console.links import notices as digest_links
from console.pages import api
from console.pages.accounts import keeping, one
from console.pages.admin import frame
from console.pages.assessment import assessments
from console.pages.assessment import decisions as assessment_decisions
from console.pages.assessment import ladder as assessment_ladder
from console.pages.assessment import one as assessment
from console.pages.assessment import tablet as assessment_tablet
from console.pages.audit import looks as audit_looks
from console.pages.audit import search as audit_search
from console.pages.audit import wholeness
from console.pages.beds import bed, board, equipment, grants, onsite
from console.pages.care import frame as care
from console.pages.care import notices as care_notices
from console.pages.care import resident as care_of_resident
from console.pages.care import rules as care_rules
from console.pages.decisions import decisions, files
from console.pages.desk import alerts, calls, closed, handovers, orders, queue
from console.pages.devices import devices, gateway
from console.pages.field import mine
from console.pages.home import app as family_app
from console.pages.home import circle, family, panel, panel_helped, panel_services
from console.pages.home import consents as family_consents
from console.pages.intake import channels, gaps, quarantine, storage
from console.pages.library import certificates as library_certificates
from console.pages.library import courses as library_courses
from console.pages.library import documents as library_documents
from console.pages.library import editing as library_editing
from console.pages.library import products as library_products
from console.pages.machines import hooks, machines
from console.pages.map import district_map, ground, near, outlines
from console.pages.meals import arranging as meal_arranging
from console.pages.meals import dining as meal_dining
from console.pages.meals import menu as meal_menus
from console.pages.meals import ordering as meal_orders
from console.pages.meals import overview as meals_overview
from console.pages.meals import rounds as meal_rounds
from console.pages.office import gateways, operations, parameters, pauses, service_level
from console.pages.own import account, design, enrolment, login, outbox, passkeys, password, push, second_factor
from console.pages.people import residents, search
from console.pages.privacy import consents, copies, duties
from console.pages.privacy import holds as privacy_holds
from console.pages.privacy import research as privacy_research
from console.pages.provider import pages as provider_pages
from console.pages.quality import complaints as complaint_pages
from console.pages.quality import quality as quality_pages
from console.pages.records import form, imports, lists, record
from console.pages.registers import conflicts as register_conflicts
from console.pages.registers import data as register_data
from console.pages.registers import identity as register_identity
from console.pages.registers import left as register_left
from console.pages.registers import register_lines
from console.pages.registers import registers as register_files
from console.pages.registers import sources as register_sources
from console.pages.reporting import packages as report_packages
from console.pages.reporting import reports
from console.pages.reporting import schedules as report_schedules
from console.pages.rosters import rosters
from console.pages.rules import policies, thresholds
from console.pages.services import door, money, plans, requests, rounds, visits
from console.pages.station import protection, station
from console.pages.timebank import family as bank_family
from console.pages.timebank import ledger as bank_ledger
from console.pages.timebank import overview as bank_overview
from console.pages.timebank import requests as bank_requests
from console.pages.timebank import rounds as bank_rounds
from console.pages.timebank import volunteers as bank_volunteers
from console.pages.workforce import importing as workforce_importing
from console.pages.workforce import people as workforce_people
from console.pages.workforce import sending as workforce_sending
from console.settings import ConsoleSettings
from console.shell.entry import confirming
from console.shell.errors import HANDLERS
from console.shell.guard import Guard
from console.shell.state import Console
from console.shell.styles import router as styles_router
from console.shell.text import plain_text
from database.settings import DatabaseSettings
from firmware_profiles.link.mqtt import Broker
from observability.liveness import Liveness, Part

ROUTERS: tuple[APIRouter, ...] = (
    # desk
    queue.router,
    alerts.router,
    closed.router,
    calls.router,
    orders.router,
    handovers.router,
    # people
    residents.router,
    search.router,
    # field
    mine.router,
    # home
    family.router,
    circle.router,
    family_consents.router,
    family_app.router,
    panel.router,
    panel_services.router,
    panel_helped.router,
    # map
    district_map.router,
    near.router,
    outlines.router,
    ground.router,
    # office
    operations.router,
    gateways.router,
    service_level.router,
    parameters.router,
    pauses.router,
    # decisions
    decisions.router,
    files.router,
    # administration
    keeping.router,
    one.router,
    audit_search.router,
    audit_looks.router,
    wholeness.router,
    frame.router,
    # care and services
    provider_pages.router,
    care.router,
    care_notices.router,
    digest_links.router,
    meal_dining.router,
    meal_rounds.router,
    meals_overview.router,
    meal_arranging.router,
    meal_menus.router,
    meal_orders.router,
    complaint_pages.router,
    quality_pages.router,
    bank_overview.router,
    bank_volunteers.router,
    bank_requests.router,
    bank_family.router,
    bank_rounds.router,
    bank_ledger.router,
    bank_links.router,
    bank_neighbour.router,
    neighbour_courses.router,
    visit_door.router,
    assessments.router,
    assessment_tablet.router,  # before the number of an assessment
    assessment.router,
    assessment_decisions.router,
    assessment_ladder.router,
    care_of_resident.router,
    care_rules.router,
    workforce_importing.router,
    workforce_people.router,
    workforce_sending.router,
    library_documents.router,
    library_products.router,
    library_editing.router,
    library_courses.router,
    library_certificates.router,
    register_files.router,
    register_lines.router,
    register_left.router,
    register_conflicts.router,
    register_sources.router,
    register_identity.router,
    register_data.router,
    reports.router,
    report_packages.router,
    report_schedules.router,
    consents.router,
    copies.router,
    duties.router,
    privacy_research.router,
    privacy_holds.router,
    visits.router,
    door.router,
    plans.router,
    money.router,
    rounds.router,
    board.router,
    bed.router,
    equipment.router,
    onsite.router,
    grants.router,
    requests.router,
    # records
    lists.router,
    record.router,
    form.router,
    imports.router,
    # gateways and devices, the intake
    devices.router,
    gateway.router,
    quarantine.router,
    gaps.router,
    storage.router,
    channels.router,
    rosters.router,
    policies.router,
    thresholds.router,
    # other systems
    machines.router,
    hooks.router,
    # station
    protection.router,
    station.router,
    # own
    account.router,
    second_factor.router,
    passkeys.router,
    design.router,
    login.router,
    enrolment.router,
    password.router,
    outbox.router,
    push.router,
    # what pages ask for, and links without a login
    api.router,
    styles_router,
    answers.router,
    phone.router,
    rating.router,
)
"""In any order: no path of one is a path of another."""


TURN_S = 2.0
"""Interval at which the pages' event loop and its threads show that they turn."""


class _GuardedApp(FastAPI):
    """FastAPI within the guard: its own answer to an error of ours comes from outside all middleware."""

    def build_middleware_stack(self) -> ASGIApp:
        settings: ConsoleSettings = self.state.console.settings
        return Guard(super().build_middleware_stack(), settings.hosts, tls=settings.secure_cookie)


def gather(routers: Iterable[APIRouter]) -> list[BaseRoute]:
    """Gather the routes of pages for any number of applications, as they are: an application that includes a router
    works out the parameters of its routes again, for 600 routes in half a second. Raises ValueError for a router whose
    pages would not look at the texts that they are sent."""
    pages = [route for router in routers for route in router.routes]
    for page in pages:
        if not any(needed.dependency is plain_text for needed in getattr(page, "dependencies", ())):
            raise ValueError(f"{page}: make its router with console.shell.text.page_router()")
    return pages


PAGES = gather(ROUTERS)


def create_app(
    settings: ConsoleSettings,
    database: DatabaseSettings,
    broker: Broker,
    pages: Iterable[BaseRoute] = PAGES,
    liveness: Liveness | None = None,
) -> FastAPI:
    """The application; it connects when it is started and shows what it has while database or broker are away.

    Its threads and its event loop are parts of ``liveness``.
    """
    console = Console(settings, database, broker, liveness)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        console.start()
        turning = asyncio.create_task(_keep_turning(console.liveness.part("pages")))
        yield
        turning.cancel()
        console.stop()

    app = _GuardedApp(
        title="Shouwang console", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,  # the redirect would lead to whatever Host the request named
    )  # fmt: skip
    app.state.console = console
    # Files that are the same for everybody: what is packed beside a secret tells its length (BREACH).
    app.mount("/static", GZipMiddleware(StaticFiles(directory=Path(__file__).with_name("static"))), name="static")
    app.router.routes.extend(pages)
    app.add_exception_handler(confirming.ConfirmNeeded, confirming.ask)
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return app


async def _keep_turning(part: Part) -> None:
    """Report by way of a thread of the pool that answers requests: where all of them hang, no page is answered."""
    while True:
        await run_in_threadpool(part.turned)
        await asyncio.sleep(TURN_S)
